import type { FastifyInstance } from 'fastify'
import { GRACE_MS } from '../listener/drain.ts'
import { onRequest, tellSupervisor } from './supervision.ts'

/**
 * How long answers may take that are on their way when the supervisor ends a gateway that has retired. Milliseconds.
 */
const END_GRACE = 1000
/** How often a gateway that has retired counts its connections in use. Milliseconds. */
const COUNT_EVERY = 100

/**
 * Tells the supervisor how many connections in use are left, and whenever that changes. Begins when idle connections
 * have had their time, since a gateway that only has such ones ends by itself.
 * @returns ends it
 */
function tellConnectionsKept(app: FastifyInstance): () => void {
  let told = 0
  let timer = setTimeout(() => {
    timer = setInterval(() => {
      const kept = app.connections.busy
      if (kept !== told) tellSupervisor({ keeps: (told = kept) })
    }, COUNT_EVERY).unref()
  }, GRACE_MS).unref()
  return () => clearTimeout(timer)
}

/**
 * Retires the gateway when the supervisor has started a newer one: the connections that it has are kept until they end,
 * new ones go to the other.
 * @returns the exit code, once the last connection has ended and the gateway is closed; never without a supervisor
 */
export function untilRetired(app: FastifyInstance): Promise<number> {
  return new Promise((resolve, reject) => {
    onRequest((message) => {
      if ('retire' in message) {
        // the newer one looks for changes of documents
        app.apis.close()
        const stopTelling = tellConnectionsKept(app)
        app.connections
          .retire()
          .finally(stopTelling)
          .then(() => app.close())
          .then(() => resolve(0), reject)
        tellSupervisor({ retired: app.connections.busy })
      } else if ('end' in message) {
        tellSupervisor({ ended: app.connections.busy })
        app.tunnels.closeAll()
        setTimeout(() => app.connections.cut(), END_GRACE).unref()
      }
    })
  })
}
