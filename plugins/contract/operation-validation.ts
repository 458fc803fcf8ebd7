import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify'
import fp from 'fastify-plugin'
import { documentMistakes, DocumentValidators } from '../../src/validation/document-validators.ts'
import { compileOperationCheck, type OperationCheck, type RequestPart } from '../../src/validation/operation-check.ts'
import { compileOperationResponseCheck } from '../../src/validation/operation-response-check.ts'
import type { ResponseCheck } from '../../src/validation/response-check.ts'
import { BootProblems, gatehouseError, type Problem, type Violation } from '../../src/errors.ts'
import type { ApiDocument, ApiOperation, ApiRoute } from '../../src/schema/types.ts'
import type { MatrixPath } from '../../src/validation/matrix-path.ts'

/** Most violations that one answer lists, and that one line of the log does. */
const MOST = 100
const MOST_LOGGED = 10
/** Milliseconds between two lines of the log about one route. */
const LOG_INTERVAL = 10_000

/** A schema of the route goes before what the document says of the same part. */
const OWN_PARTS: readonly (readonly [schema: string, part: RequestPart])[] = [
  ['params', 'params'],
  ['querystring', 'query'],
  ['query', 'query'],
  ['headers', 'headers'],
  ['body', 'body'],
]

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The operation of an imported document that the route stands for. */
    api?: ApiRoute
    /** Where its path has matrix parameters; null when it has none. */
    matrix?: MatrixPath | null
    /** What happens to a request that breaks its operation: it is refused, reported, or not checked. */
    requestValidation?: 'enforce' | 'report' | 'off'
  }
  interface FastifyInstance {
    /** The validators of an API document; one for all of its routes. */
    documentValidators(document: ApiDocument): DocumentValidators
    /** The check of the responses of an operation. */
    operationResponseCheck(document: ApiDocument, operation: ApiOperation): ResponseCheck
  }
}

/**
 * Checks requests against the operations of API documents: a route in the mode `enforce` refuses those that break its
 * operation, one in the mode `report` counts them and forwards them. Other routes pay nothing.
 */
export default fp(
  async (app) => {
    const byDocument = new Map<ApiDocument, DocumentValidators>()
    const byOperation = new WeakMap<ApiOperation, Map<string, OperationCheck>>()
    const problems: Problem[] = []

    app.decorateRequest('operationBody', null)
    app.decorate('documentValidators', (document) => {
      let validators = byDocument.get(document)
      if (!validators) {
        byDocument.set(document, (validators = new DocumentValidators(document)))
        problems.push(...documentMistakes(document))
      }
      return validators
    })

    app.decorate('operationResponseCheck', (document, operation) =>
      compileOperationResponseCheck(app.documentValidators(document), operation),
    )

    app.routePhase('operationValidation', (route) => {
      const { api, requestValidation = 'off' } = route.config ?? {}
      if (!api || requestValidation === 'off') return null
      const { document, operation } = api
      const skip = new Set(
        OWN_PARTS.filter(([name]) => (route.schema as Record<string, unknown> | undefined)?.[name] !== undefined).map(
          ([, part]) => part,
        ),
      )
      const key = [...skip].join()
      const known = byOperation.get(operation) ?? new Map<string, OperationCheck>()
      byOperation.set(operation, known)
      let check = known.get(key)
      if (!check) known.set(key, (check = compileOperationCheck(app.documentValidators(document), operation, { skip })))
      route.config!.operationCheck = check
      return requestValidation === 'enforce' ? enforcement(app, route, check) : reporting(app, route, check)
    })

    app.addHook('onReady', async () => {
      if (problems.length > 0) throw new BootProblems(problems)
    })
  },
  { name: 'operation-validation', dependencies: ['metrics'] },
)

type Hook = (request: FastifyRequest, reply: FastifyReply, done: (error?: Error) => void) => void

function enforcement(app: FastifyInstance, route: RouteOptions, check: OperationCheck): Hook {
  const labels = labelsOf(route)
  return (request, _reply, done) => {
    const violations = check.violations(request)
    if (violations === null) return done()
    app.metrics.requestViolations.inc({ ...labels, mode: 'enforce' })
    done(gatehouseError('GW_VALIDATION', { extensions: { errors: violations.slice(0, MOST) } }))
  }
}

function reporting(app: FastifyInstance, route: RouteOptions, check: OperationCheck): Hook {
  const labels = labelsOf(route)
  let nextLine = 0
  return (request, _reply, done) => {
    const violations = violationsOrFault(check, request)
    if (request.operationBody?.isUnchecked) app.metrics.requestsUnchecked.inc(labels)
    if (violations === null) return done()
    app.metrics.requestViolations.inc({ ...labels, mode: 'report' })
    const now = performance.now()
    if (now >= nextLine) {
      nextLine = now + LOG_INTERVAL
      app.log.warn(
        { ...labels, mode: 'report', reqId: request.id, violations: violations.slice(0, MOST_LOGGED) },
        'request breaks its API document',
      )
    }
    done()
  }
}

/** What cannot be checked for a fault of the gateway's own must not stop a request that is only looked at. */
function violationsOrFault(check: OperationCheck, request: FastifyRequest): Violation[] | null {
  try {
    return check.violations(request)
  } catch (error) {
    const { cause = error } = error as Error
    return [{ in: 'document', pointer: '', expected: `a schema that can be compiled: ${(cause as Error).message}` }]
  }
}

function labelsOf({ method, url, config }: RouteOptions): { upstream: string; route: string } {
  return { upstream: config?.upstream ?? '', route: `${[method].flat().join(',')} ${config?.publicUrl ?? url}` }
}
