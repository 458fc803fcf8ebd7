import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { HSTS, isSecure } from '../browser/security-headers.ts'
import type { Target } from '../upstream/target.ts'
import type { Upstream } from '../upstream/upstream.ts'
import type { ForwardPlan } from './forward-plan.ts'
import { connectionNames } from './hop-by-hop.ts'
import { publicField } from './public-fields.ts'

/** Copies the upstream's headers to the reply, without those of the connection and those that reveal the backend. */
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
      // the cache nearest to the origin comes first (RFC 9211, section 2)
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

/** Two answers need a field of one connection, so this is passed on with them (RFC 9110, 15.5.8 and 15.5.22). */
function keepDemand(reply: FastifyReply, status: 407 | 426, headers: IncomingHttpHeaders): void {
  const { 'proxy-authenticate': challenge, upgrade } = headers
  if (status === 407 && challenge !== undefined) reply.header('proxy-authenticate', challenge)
  // section 7.8: Connection names the field
  if (status === 426 && upgrade !== undefined) {
    reply.header('upgrade', upgrade).header('connection', reply.raw.shouldKeepAlive ? 'upgrade' : 'close, upgrade')
  }
}

/** Removes Strict-Transport-Security from a response to a client without TLS (RFC 6797, section 7.2). */
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
  // a response without a date gets one (RFC 9110, section 6.6.1)
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

/** The `Set-Cookie` that keeps a client with its target; null for none. A failing target sets none. */
export const affinityCookie = (
  { affinity }: Upstream,
  request: FastifyRequest,
  target: Target,
  status: number,
): string | null => (affinity === null || status >= 500 ? null : affinity.setCookie(target, request))

const TRAILERS_NEVER =
  /^(?:content-|transfer-|host$|trailer$|te$|connection$|keep-alive$|upgrade$|set-cookie$|authorization$|cache-control$|expect$|max-forwards$|pragma$|range$|www-authenticate$|proxy-|age$|date$|expires$|location$|retry-after$|vary$|warning$)/

/** Trailer fields that may be relayed: none that frame, route, authenticate or cache (RFC 9110, section 6.5.1). */
export function relayableTrailers(
  trailers: IncomingHttpHeaders | null | undefined,
): Record<string, string | string[]> | null {
  let kept: Record<string, string | string[]> | null = null
  for (const name in trailers) {
    if (!TRAILERS_NEVER.test(name)) (kept ??= Object.create(null))![name] = trailers[name]!
  }
  return kept
}

/** The last status of RFC 9110, section 15. Fastify takes none above it, while Node's parsers take three digits. */
const LAST_STATUS = 599

/** Whether a status is outside of the five classes. Clients and the gateway treat it as a server error. */
export const isUnknownStatus = (status: number): boolean => status > LAST_STATUS

/** Gives a reply the status of a service's response, unknown ones too. */
export function setStatus(reply: FastifyReply, status: number): void {
  if (status <= LAST_STATUS) {
    reply.code(status)
    return
  }
  // Fastify must know that there is a status
  reply.code(500)
  reply.raw.statusCode = status
}

/** Informational statuses that are passed on. 100 and 101 are about one connection. */
const PASSED_ON = new Set([102, 103])
/** How many of them one request gets at most. */
const MOST = 10

const kSent = Symbol('gatehouse.informational')
type Informed = ServerResponse & {
  [kSent]?: number
  writeInformation?: (status: number, headers: Record<string, string | string[]>) => void
}

/** Passes an informational response on (RFC 9110, section 15.2; RFC 8297). HTTP/1.0 clients get none. */
export function sendInformational(
  reply: FastifyReply,
  status: number,
  headers: IncomingHttpHeaders,
  plan: ForwardPlan,
): void {
  const raw = reply.raw as Informed
  const sent = raw[kSent] ?? 0
  if (
    !PASSED_ON.has(status) ||
    raw.headersSent ||
    raw.destroyed ||
    raw.writableEnded ||
    sent >= MOST ||
    reply.request.raw.httpVersion !== '1.1'
  ) {
    return
  }
  raw[kSent] = sent + 1
  // RFC 9110, section 8.6: no length
  const {
    date: _date,
    'content-length': _length,
    [HSTS]: _hsts,
    ...hints
  } = publicHeaders(headers, plan, reply.request, null)
  try {
    // Node 24 has no writeInformation
    if (raw.writeInformation !== undefined) raw.writeInformation(status, hints)
    else if (status === 102) raw.writeProcessing()
    else raw.writeEarlyHints(hints)
  } catch {
    // Node refuses some links: only the hint is lost
  }
}

/** The gateway's own headers. */
const KEPT_ON_FAILURE = new Set([
  'x-request-id',
  'ratelimit',
  'ratelimit-policy',
  'access-control-allow-origin',
  'access-control-allow-credentials',
  'access-control-expose-headers',
  'vary',
  'cache-status',
])

/** Removes the headers of the upstream from a reply that becomes an error of the gateway. */
export function forgetContent(reply: FastifyReply): void {
  for (const name of Object.keys(reply.getHeaders())) {
    if (KEPT_ON_FAILURE.has(name)) continue
    reply.removeHeader(name)
    reply.raw.removeHeader(name)
  }
  // after the removal of the upstream's date Node would send none
  reply.raw.sendDate = true
}
