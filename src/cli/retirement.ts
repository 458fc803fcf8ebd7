import type { FastifyInstance } from 'fastify'
import { onRequest, tellSupervisor } from './supervision.ts'

/** How long answers may take that are on their way when the supervisor ends a gateway that has retired. Milliseconds. */
const END_GRACE = 1000

/**
 * Retires the gateway when the supervisor has started a newer one: the connections that it has are kept until they end, new ones
 * go to the other.
 * @returns the exit code, once the last connection has ended and the gateway is closed; never without a supervisor
 */
export function untilRetired (app: FastifyInstance): Promise<number> {
  return new Promise((resolve, reject) => {
    onRequest((message) => {
      if ('retire' in message) {
        // the newer one looks for changes of documents
        app.apis.close()
        app.connections.retire().then(() => app.close()).then(() => resolve(0), reject)
        tellSupervisor({ retired: app.connections.busy })
      } else if ('end' in message) {
        tellSupervisor({ ended: app.connections.busy })
        app.tunnels.closeAll()
        setTimeout(() => app.connections.cut(), END_GRACE).unref()
      }
    })
  })
}
