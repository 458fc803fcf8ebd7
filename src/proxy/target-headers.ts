import type { FastifyRequest } from 'fastify'
import type { Target } from '../upstream/target.ts'

/** Which `Host` targets get. */
export interface HostSettings {
  readonly preserveHost: boolean
  readonly fixedHost: string | null
}

/** Path for the upstream that a COPY or MOVE names in `Destination`. */
const destinations = new WeakMap<FastifyRequest, string>()

/** Notes a destination that has been checked. @param path  without a target's base path */
export function noteDestination(request: FastifyRequest, path: string): void {
  destinations.set(request, path)
}

/**
 * Puts the values in that depend on the target: `Host`, and the `Destination` of a COPY or MOVE. A service compares
 * these two, so they name one host, and the scheme is that of the connection to the target.
 * @param headers  `host`, its value, and with a destination then `destination` and its value
 */
export function aimHeaders(headers: string[], request: FastifyRequest, target: Target, plan: HostSettings): void {
  // HTTP/1.0 clients may send no host
  const host = plan.fixedHost ?? (plan.preserveHost ? (request.raw.headers.host ?? target.host) : target.host)
  headers[1] = host
  if (headers[2] !== 'destination') return
  const path = destinations.get(request)
  if (path !== undefined) {
    headers[3] = `${target.origin.startsWith('https:') ? 'https' : 'http'}://${host}${target.basePath}${path}`
  }
}
