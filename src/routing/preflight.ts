import type { IncomingMessage } from 'node:http'
import type { FastifyContextConfig } from 'fastify'
import type { CorsPolicy } from '../browser/cors-policy.ts'

/** The internal path that answers preflights. */
export const PREFLIGHT_PATH = '/.preflight'

type Preflighted = FastifyContextConfig & { corsPolicy: CorsPolicy }
const kRoute = Symbol('gatehouse.preflight')
type PreflightRequest = IncomingMessage & { [kRoute]?: Preflighted }

/** Whether a browser asks if a page may send a request (Fetch Standard, section 4.8). */
export const isPreflight = ({ method, headers }: IncomingMessage): boolean =>
  method === 'OPTIONS' && headers.origin !== undefined && headers['access-control-request-method'] !== undefined

/** Records the route that a preflight asks about. */
export function notePreflight(request: PreflightRequest, config: Preflighted): void {
  request[kRoute] = config
}

/** The route that a preflight asks about. */
export const preflightRoute = (request: PreflightRequest): Preflighted | undefined => request[kRoute]
