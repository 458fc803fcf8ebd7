import fp from 'fastify-plugin'
import { type PartValidator, RequestValidators } from '../../src/contract/request-validators.ts'
import { gatehouseError, type Violation } from '../../src/errors.ts'

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
  interface FastifyInstance {
    /** Tells operators of a response that broke its schema: a line in the log, and a counter. */
    reportViolation (violation: ResponseViolation): void
  }
}

/** Checks requests against the schemas of their routes. */
export default fp(async (app) => {
  const validators = new RequestValidators()
  app.setValidatorCompiler(({ schema, httpPart }) => validators.compile(schema as object, httpPart!) as never)
  app.setSchemaErrorFormatter((errors) => gatehouseError('GW_VALIDATION', { extensions: { errors } }))
  app.decorate('reportViolation', ({ upstream, url, method, status, violations, mode }) => {
    app.metrics.responseViolations.inc({ upstream, route: `${method} ${url}`, status: String(status) })
    app.log.warn({ upstream, route: `${method} ${url}`, status, mode, violations: violations.slice(0, 10) }, 'response breaks its schema')
  })
}, { name: 'validation', dependencies: ['metrics'] })

export type { PartValidator }
