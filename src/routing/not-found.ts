import type { FastifyInstance } from 'fastify'
import { gatehouseError } from '../errors.ts'
import { refusalOf } from '../listener/refusal.ts'

/** Answers requests that no route answers: 404, or 405 when other methods are answered at the path. */
export function answerUnrouted(app: FastifyInstance): void {
  app.setNotFoundHandler(({ raw, method, headers, originalUrl }) => {
    // CONNECT has no routes, not even the one for requests that are refused
    const refusal = refusalOf(raw)
    if (refusal !== undefined) throw gatehouseError(refusal, { headers: { connection: 'close' } })
    app.drift?.unanswered(method, headers.host ?? '', originalUrl.split('?', 1)[0]!)
    const allowed = app.hostRouter.methodsAt(originalUrl, headers)
    // RFC 9110, section 15.5.6: a 405 names the methods
    // a route that has the method may still find nothing, such as a file that does not exist
    throw allowed.length > 0 && !allowed.includes(method)
      ? gatehouseError('GW_METHOD_NOT_ALLOWED', { headers: { allow: allowed.join(', ') } })
      : gatehouseError('GW_NOT_FOUND')
  })
}
