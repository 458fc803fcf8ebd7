import type { FastifyInstance, FastifySchemaCompiler, RouteOptions } from 'fastify'
import fp from 'fastify-plugin'
import type { JsonSchema } from '../../src/schema/json-schema.ts'
import { parameterNameMistakes } from '../../src/validation/parameter-names.ts'
import { RequestCheck, partValidator, RequestValidators } from '../../src/validation/request-check.ts'
import { responseMistakes } from '../../src/validation/response-check.ts'
import { BootProblems, gatehouseError, type Problem, type Violation } from '../../src/errors.ts'
import { parsePattern } from '../../src/routing/path-pattern.ts'
import type {} from '../../src/routing/route-table.ts'

/** A response that broke its schema. */
export interface ResponseViolation {
  upstream: string
  url: string
  method: string
  status: number
  violations: Violation[]
  mode: 'report' | 'enforce'
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** A response schema by status (`200`, `2xx`, `default`), for documents and validation. */
    responses?: Record<string, object>
    /** What happens to a response that breaks `responses`. */
    responseValidation?: 'off' | 'report' | 'enforce'
    /** Media types of the body that the route accepts. */
    consumes?: readonly string[]
  }
  interface FastifyInstance {
    /** Reports a response that broke its schema: a line in the log, and a counter. */
    reportViolation(violation: ResponseViolation): void
  }
}

/** A mistake in a schema, reported when every route is registered. */
interface SchemaMistake {
  route: RouteOptions
  part: string
  mistake: string
}

const PARTS = ['params', 'querystring', 'query', 'headers', 'body']
const hasSchema = ({ schema }: RouteOptions): boolean =>
  schema !== undefined && PARTS.some((part) => (schema as Record<string, unknown>)[part] !== undefined)
const acceptAll = () => true

/**
 * Checks requests against the schemas of their routes, and the schemas at boot.
 *
 * Routes of upstream files are checked by one hook that looks at every part and changes nothing; handlers written by
 * hand get what they know from Fastify, numbers and booleans in `params` and `query` included.
 */
export default fp(
  async (app) => {
    const validators = new RequestValidators()
    const mistakes: SchemaMistake[] = []
    const told = new Set<unknown>()

    const compilerOf =
      (scope: FastifyInstance, route?: RouteOptions, check?: RequestCheck): FastifySchemaCompiler<any> =>
      ({ schema, httpPart = 'body' }) => {
        const checked = validators.get(schema, httpPart, scope.getSchemas())
        const wrong =
          checked.mistakes.length === 0 && httpPart === 'params' && route !== undefined
            ? nameMistakes(checked.schema, route)
            : checked.mistakes
        if (wrong.length > 0) {
          if (route === undefined) throw new Error(`the schema is not valid: ${wrong.join('; ')}`)
          // a route and its HEAD share one schema
          if (!told.has(schema)) mistakes.push(...wrong.map((mistake) => ({ route, part: httpPart, mistake })))
          told.add(schema)
        }
        check?.add(checked.check)
        return (check ? acceptAll : partValidator(checked.check)) as never
      }
    const compiler = compilerOf(app)
    app.setValidatorCompiler(compiler)
    app.setSchemaErrorFormatter((errors) => gatehouseError('GW_VALIDATION', { extensions: { errors } }))
    app.decorateRequest('rawBody', undefined)

    app.routePhase('validation', (route, scope) => {
      const { plan, responses } = route.config ?? {}
      if (responses && !told.has(responses)) {
        mistakes.push(...responseMistakes(responses).map((mistake) => ({ route, part: 'response', mistake })))
      }
      told.add(responses)
      // validators of a plugin's own choice stay
      if (!hasSchema(route) || route.validatorCompiler || scope.validatorCompiler !== compiler) return null
      const check = plan ? new RequestCheck() : undefined
      route.validatorCompiler = compilerOf(scope, route, check)
      return check ? (request, _reply, done) => done(check.error(request as never)) : null
    })

    app.addHook('onReady', async () => {
      if (mistakes.length > 0) throw new BootProblems(mistakes.map((mistake) => problemOf(app, mistake)))
    })

    app.decorate('reportViolation', ({ upstream, url, method, status, violations, mode }) => {
      const route = `${method} ${url}`
      app.metrics.responseViolations.inc({ upstream, route, status: status > 599 ? 'other' : String(status) })
      app.log.warn({ upstream, route, status, mode, violations: violations.slice(0, 10) }, 'response breaks its schema')
    })
  },
  { name: 'validation', dependencies: ['metrics'] },
)

/** Path parameters that only the URL or only the schema of a route has. */
function nameMistakes(schema: JsonSchema, { config, url }: RouteOptions): string[] {
  const { publicUrl = url } = config ?? {}
  const pattern = parsePattern(publicUrl)
  return typeof pattern === 'string' ? [] : parameterNameMistakes(schema, pattern.parameters, publicUrl)
}

/** Names the file of the route when the gateway knows it. */
function problemOf(app: FastifyInstance, { route, part, mistake }: SchemaMistake): Problem {
  const rows = app.hasDecorator('routeTable') ? app.routeTable.rows : []
  const file = rows.find(({ options }) => options === route)?.file
  const { upstream, publicUrl = route.url } = route.config ?? {}
  return {
    file: file ?? (upstream ? `upstream "${upstream}"` : 'route'),
    field: `${[route.method].flat().join(',')} ${publicUrl}: schema.${part}`,
    message: mistake,
  }
}
