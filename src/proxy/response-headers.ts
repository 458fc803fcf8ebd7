import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { HSTS, isSecure } from '../browser/strict-transport.ts'
import type { Target } from '../upstream/target.ts'
import type { Upstream } from '../upstream/upstream.ts'
import type { ForwardPlan } from './forward-plan.ts'
import { connectionNames } from './hop-by-hop.ts'
import { publicField } from './public-fields.ts'

/** Copies the upstream's headers to the reply, without what belongs to the connection or tells about the backend. */
export function copyResponseHeaders(
  reply: FastifyReply,
  status: number,
  headers: IncomingHttpHeaders,
  plan: ForwardPlan,
): void {
  const named = connectionNames(headers.connection)
  for (const name in headers) {
    if (plan.responseDrop[name] || (named !== null && named.includes(name))) continue
    const value = headers[name]
    if (value === undefined) continue
    if (name === 'vary' && reply.hasHeader('vary')) {
      reply.header(name, `${reply.getHeader('vary')}, ${String(value)}`)
    } else if (name === 'cache-status' && reply.hasHeader('cache-status')) {
      // the cache that is nearest to the origin comes first (RFC 9211, section 2)
      reply.header(name, `${String(value)}, ${reply.getHeader('cache-status')}`)
    } else {
      reply.header(name, publicField(name, value, plan, reply.request))
    }
  }
  const put = plan.responsePut
  for (let i = 0; i < put.length; i += 2) {
    const name = put[i]!
    const present = reply.getHeader(name)
    // set-cookie is the one field whose values cannot be joined (RFC 9110, section 5.3); Fastify appends it
    reply.header(name, present === undefined || name === 'set-cookie' ? put[i + 1] : `${present}, ${put[i + 1]}`)
  }
  if (status === 426 || status === 407) keepDemand(reply, status, headers)
  dropInsecureHsts(reply)
}

/**
 * Two answers mean nothing without a field of one connection, so these fields go on with them (RFC 9110, sections
 * 15.5.8 and 15.5.22).
 */
function keepDemand(reply: FastifyReply, status: 407 | 426, headers: IncomingHttpHeaders): void {
  const { 'proxy-authenticate': challenge, upgrade } = headers
  if (status === 407 && challenge !== undefined) reply.header('proxy-authenticate', challenge)
  // section 7.8: Connection names the field
  if (status === 426 && upgrade !== undefined) {
    reply.header('upgrade', upgrade).header('connection', reply.raw.shouldKeepAlive ? 'upgrade' : 'close, upgrade')
  }
}

/** Takes Strict-Transport-Security off a response to a client that has not come over TLS (RFC 6797, section 7.2). */
export function dropInsecureHsts(reply: FastifyReply): void {
  if (reply.hasHeader(HSTS) && !isSecure(reply.request)) reply.removeHeader(HSTS)
}

type PublicHeaders = Record<string, string | string[]>

/**
 * The upstream's headers as clients of the route get them, apart from any reply.
 * @param cameAt  when they came, in milliseconds since 1970; null for a message that needs no date
 */
export function publicHeaders(
  headers: IncomingHttpHeaders,
  plan: ForwardPlan,
  request: FastifyRequest,
  cameAt: number | null,
): PublicHeaders {
  const named = connectionNames(headers.connection)
  // what comes without a date gets one (RFC 9110, section 6.6.1)
  const result: PublicHeaders =
    headers.date === undefined && cameAt !== null ? { date: new Date(cameAt).toUTCString() } : {}
  for (const name in headers) {
    const value = headers[name]
    if (value === undefined || plan.responseDrop[name] || (named !== null && named.includes(name))) continue
    result[name] = publicField(name, value, plan, request)
  }
  const put = plan.responsePut
  for (let i = 0; i < put.length; i += 2) {
    const [name, value] = [put[i]!, put[i + 1]!]
    const present = result[name]
    result[name] =
      present === undefined ? value : name === 'set-cookie' ? [present, value].flat() : `${String(present)}, ${value}`
  }
  return result
}

/**
 * The `Set-Cookie` by which a client stays with the target that has answered; null when there is none. A failing target
 * wins nobody over.
 */
export const affinityCookie = (
  { affinity }: Upstream,
  request: FastifyRequest,
  target: Target,
  status: number,
): string | null => (affinity === null || status >= 500 ? null : affinity.setCookie(target, request))

const TRAILERS_NEVER =
  /^(?:content-|transfer-|host$|trailer$|te$|connection$|keep-alive$|upgrade$|set-cookie$|authorization$|cache-control$|expect$|max-forwards$|pragma$|range$|www-authenticate$|proxy-|age$|date$|expires$|location$|retry-after$|vary$|warning$)/

/**
 * Trailer fields that may be relayed (RFC 9110, section 6.5.1: nothing that frames, routes, authenticates or caches).
 */
export function relayableTrailers(
  trailers: IncomingHttpHeaders | null | undefined,
): Record<string, string | string[]> | null {
  let kept: Record<string, string | string[]> | null = null
  for (const name in trailers) {
    if (!TRAILERS_NEVER.test(name)) (kept ??= Object.create(null))![name] = trailers[name]!
  }
  return kept
}
