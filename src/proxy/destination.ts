import type { IncomingMessage } from 'node:http'
import type { FastifyRequest } from 'fastify'
import { gatehouseError, type GatehouseError } from '../errors.ts'
import { hasOtherAuth } from './route-contract.ts'
import { isAsIs, routerTarget, upstreamPath } from './upstream-path.ts'
import { canonicalTarget } from '../listener/canonical-path.ts'
import type { ForwardPlan } from './forward-plan.ts'
import { noteDestination } from '../upstream/target-headers.ts'

/** Whether a request acts on the URL in its `Destination` as well as on its own (RFC 4918, section 10.3). */
export const hasDestination = (method: string): boolean => method === 'COPY' || method === 'MOVE'

/**
 * Puts the `Destination` of a COPY or MOVE behind `host`. Its value is set for each target, see `aimHeaders`.
 *
 * The service writes to that path, so the path must pass the checks of the request's own path: the gateway forwards it
 * to the same upstream, for the same method and credentials. Any other is answered 502 (section 9.8.5).
 * @param headers  of the request, beginning with `host`
 */
export function addDestination(headers: string[], request: FastifyRequest, plan: ForwardPlan): void {
  for (let i = headers.length - 2; i > 0; i -= 2) if (headers[i] === 'destination') headers.splice(i, 2)
  noteDestination(request, destinationPath(String(request.raw.headers.destination), request, plan))
  headers.splice(2, 0, 'destination', '')
}

/** @returns the path for the upstream, without the target's base path */
function destinationPath(destination: string, request: FastifyRequest, plan: ForwardPlan): string {
  const { hostRouter, routeTable } = request.server
  const {
    method,
    raw: { headers },
  } = request
  const internal = hostRouter.read(publicPathOf(destination, request, plan), method, headers)
  if (internal === 'GW_BAD_PATH') throw unclear()
  if (!internal.startsWith('/')) throw elsewhere()
  const found = routeTable.find(method, routerTarget(internal).split('?', 1)[0]!, headers)
  if (found === null) throw elsewhere()
  const {
    row: { options },
    params,
  } = found
  const { config = {} } = options
  const { routeOptions } = request
  // a route of a hand-written plugin has no plan: its own paths are allowed
  const isSame = config.plan === undefined ? options.url === routeOptions.url : config.plan.upstream === plan.upstream
  const isForwarded = config.redirect === undefined && config.mock !== true
  if (!isSame || !isForwarded || hasOtherAuth(options, routeOptions)) throw elsewhere()
  if (hostRouter.guard.refusal(options, method, internal, headers) !== null) throw elsewhere()
  return upstreamPath(internal, params, config.plan ?? plan)
}

/** Path and query of a destination, if it is a path or a URL of the host that the client has asked. */
function publicPathOf(destination: string, { raw }: FastifyRequest, { forwarded }: ForwardPlan): string {
  const [, scheme, authority, rest] = /^(https?):\/\/([^/?#]*)(.*)$/i.exec(destination) ?? []
  // section 8.3: a URL, or a path of the same host
  if (authority === undefined) {
    if (!/^\/(?!\/)/.test(destination)) throw unclear()
    return withoutPrefix(destination, raw, forwarded)
  }
  const host = withoutDefaultPort(scheme!, authority)
  const [publicScheme = '', publicHost = ''] = forwarded.originOf(raw).split('://')
  // a proxy that ends TLS may not state it: the scheme does not count
  const own = [withoutDefaultPort(publicScheme, publicHost), withoutDefaultPort(scheme!, raw.headers.host ?? '')]
  if (!own.includes(host)) throw elsewhere()
  return withoutPrefix(rest!.startsWith('/') ? rest! : `/${rest}`, raw, forwarded)
}

/** A path without the prefix that a trusted proxy has stripped from the path of the request, in any spelling. */
function withoutPrefix(path: string, raw: Request, forwarded: ForwardPlan['forwarded']): string {
  const outer = forwarded.outerPrefix(raw)
  if (outer === '') return path
  const read = isAsIs(raw.url!) ? path : (canonicalTarget(path, true) ?? path)
  if (!read.startsWith(outer) || !['', '/', '?'].includes(read.charAt(outer.length))) return path
  return read[outer.length] === '/' ? read.slice(outer.length) : `/${read.slice(outer.length)}`
}

/** A destination for a `forwardAuth` service: its path is canonical, unless it is forwarded as-is, or is invalid. */
export function shownDestination(destination: string, raw: Request, forwarded: ForwardPlan['forwarded']): string {
  const [, origin = '', given = ''] = /^(https?:\/\/[^/?#]*)?(.*)$/is.exec(destination) ?? []
  const path = withoutPrefix(given, raw, forwarded)
  return origin + (isAsIs(raw.url!) ? path : (canonicalTarget(path) ?? path))
}

type Request = Pick<IncomingMessage, 'headers' | 'socket' | 'url'>

const withoutDefaultPort = (scheme: string, host: string): string =>
  host.toLowerCase().replace(scheme.toLowerCase() === 'https' ? /:443$/ : /:80$/, '')

const unclear = (): GatehouseError => gatehouseError('GW_BAD_REQUEST', { detail: UNCLEAR })
const UNCLEAR =
  'Destination is not a URL or path that can be read in one way only: ' +
  'send it without dot segments, semicolons and invalid percent-encoding.'

const elsewhere = (): GatehouseError => gatehouseError('GW_DESTINATION_ELSEWHERE')
