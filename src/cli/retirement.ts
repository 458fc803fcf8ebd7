import type { FastifyInstance } from 'fastify'
import { GRACE_MS } from '../listener/drain.ts'
import { onRequest, tellSupervisor } from './supervision.ts'

/**
 * How long in-flight responses may take after the supervisor has ended a retired gateway, in milliseconds.
 */
const END_GRACE = 1000
/** How often a retired gateway counts its connections in use, in milliseconds. */
const COUNT_EVERY = 100

/**
 * Reports the number of connections in use to the supervisor, whenever it changes. Begins after the grace time for idle
 * connections, since a gateway with only idle connections ends by itself.
 * @returns a function that stops the reports
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
 * Retires the gateway when the supervisor has started a newer one: existing connections are kept until they end, new
 * ones go to the newer gateway.
 * @returns the exit code, once the last connection has ended and the gateway is closed; never without a supervisor
 */
export function untilRetired(app: FastifyInstance): Promise<number> {
  return new Promise((resolve, reject) => {
    onRequest((message) => {
      if ('retire' in message) {
        // the newer gateway checks the documents for changes
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
