import type { IncomingHttpHeaders } from 'node:http'
import type { Target } from './target.ts'

/** Which `Host` targets get. */
export interface HostSettings {
  readonly preserveHost: boolean
  readonly fixedHost: string | null
}

/** By request: the path for the upstream that a COPY or MOVE names in `Destination`. */
const destinations = new WeakMap<object, string>()

/** Notes a destination that has been checked. @param path  without a target's base path */
export function noteDestination(request: object, path: string): void {
  destinations.set(request, path)
}

/**
 * Sets the values that depend on the target: `Host`, and the `Destination` of a COPY or MOVE. A service compares the
 * two, so both name the same host, and the scheme is that of the connection to the target.
 * @param headers  `host`, its value, and with a destination then `destination` and its value
 */
export function aimHeaders(
  headers: string[],
  request: { readonly headers: IncomingHttpHeaders },
  target: Target,
  plan: HostSettings,
): void {
  // HTTP/1.0 clients may send no host
  const host = plan.fixedHost ?? (plan.preserveHost ? (request.headers.host ?? target.host) : target.host)
  headers[1] = host
  if (headers[2] !== 'destination') return
  const path = destinations.get(request)
  if (path !== undefined) {
    headers[3] = `${target.origin.startsWith('https:') ? 'https' : 'http'}://${host}${target.basePath}${path}`
  }
}
