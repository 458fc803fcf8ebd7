import type { IncomingHttpHeaders } from 'node:http'
import { isIP } from 'node:net'
import type { FastifyRequest } from 'fastify'
import { withoutCookies, withoutParameters } from '../auth/credentials.ts'
import { gatehouseError } from '../errors.ts'
import { traceIdOf } from '../observe/request-id.ts'
import type { ForwardPlan, HeaderCondition } from './forward-plan.ts'
import { addDestination, hasDestination } from './destination.ts'
import { nodeAddress } from './forwarded-field.ts'
import { connectionNames, plainName, UNUSUAL_NAME } from './hop-by-hop.ts'
import { countForward } from './max-forwards.ts'
import { isProxyClaim } from './proxy-claims.ts'

/**
 * The headers of the request to the upstream: name, value, name, value. `host` comes first, its value is put in for
 * each target. Node's parsed headers are the source, so that what was checked (one value for each name) is what is
 * sent.
 */
export function requestHeaders(request: FastifyRequest, plan: ForwardPlan, hasBody: boolean): string[] {
  const incoming = request.raw.headers
  const headers = ['host', '']
  const named = namedAway(incoming, plan)
  if (plan.conditions !== null) refuseAmbiguous(incoming, plan.conditions)
  for (const name in incoming) {
    if (plan.requestDrop[name] || (named !== null && named.includes(name))) continue
    const plain = UNUSUAL_NAME.test(name) ? plainName(name) : name
    if (plain !== name && plan.requestDrop[plain]) continue
    // of a trusted proxy too, another spelling is what its client has sent
    if (isProxyClaim(plain) && (plain !== name || !plan.forwarded.trusts(request.raw.socket))) continue
    if (plan.spellings !== null && plan.spellings[plain]?.includes(name) === false) continue
    // undici states the length of what it sends; a length without a body would be refused
    if (name === 'content-length' && !hasBody) continue
    let value = incoming[name]!
    if (name === 'cookie' && plan.dropCookies !== null) {
      const kept = withoutCookies(String(value), plan.dropCookies)
      if (kept === null) continue
      value = kept
    }
    // the page that the request comes from may have been opened with a key in its URL
    if (name === 'referer' && plan.dropQuery !== null) value = withoutParameters(String(value), plan.dropQuery)
    if (typeof value === 'string') headers.push(name, value)
    else for (const single of value) headers.push(name, single)
  }
  if (
    (incoming.traceparent !== undefined || incoming.tracestate !== undefined) &&
    (traceIdOf(incoming.traceparent) === undefined || named?.includes('traceparent'))
  ) {
    dropTrace(headers)
  }
  if (hasDestination(request.method) && isSent('destination', incoming, plan, named)) {
    addDestination(headers, request, plan)
  }
  if (incoming['max-forwards'] !== undefined) countForward(headers, request.raw)
  plan.forwarded.append(headers, request.raw, plan.strippedPrefix)
  if (plan.sendRealIp) {
    // a proxy may have stated a port, or nothing but `unknown`
    const address = nodeAddress(request.ip.replace(/^::ffff:(?=\d+\.)/, ''))
    if (isIP(address) !== 0) headers.push('x-real-ip', address)
  }
  headers.push('x-request-id', request.id)
  if (plan.identity !== null && request.consumer !== null) headers.push(...plan.identity.values(request.consumer))
  const found = request.consumer?.upstreamHeaders
  if (found !== undefined) {
    for (let i = 0; i < found.length; i += 2) if (!plan.settled[found[i]!]) headers.push(found[i]!, found[i + 1]!)
  }
  if (plan.requestPut.length > 0) headers.push(...plan.requestPut)
  return headers
}

/** Whether a field of the request goes on. @param named  what `Connection` takes away */
const isSent = (
  name: string,
  incoming: IncomingHttpHeaders,
  plan: ForwardPlan,
  named: readonly string[] | null,
): boolean => incoming[name] !== undefined && !plan.requestDrop[name] && !named?.includes(name)

/** Takes a trace context away that nobody may use (W3C Trace Context, section 4.3). */
function dropTrace(headers: string[]): void {
  for (let i = headers.length - 2; i > 0; i -= 2) {
    if (headers[i] === 'traceparent' || headers[i] === 'tracestate') headers.splice(i, 2)
  }
}

/**
 * Refuses several values of a header by which routes are chosen: the router has compared all of them as one text, and
 * the upstream may read the first or the last, which would have been another route.
 */
function refuseAmbiguous(incoming: IncomingHttpHeaders, conditions: readonly HeaderCondition[]): void {
  for (const { name, values } of conditions) {
    const value = incoming[name]
    if (typeof value !== 'string' || !value.includes(',') || values.includes(value)) continue
    if (value.split(',').some((member) => values.includes(member.trim().replace(/^"(.*)"$/, '$1')))) {
      throw gatehouseError('GW_BAD_REQUEST', {
        detail: `${name} has several values, and routes are chosen by it: send it once, with one value.`,
      })
    }
  }
}

/**
 * Whether the client's `Connection` takes away a field that it has sent, so that the upstream sees another request than
 * the gateway.
 */
export const hidesFields = (incoming: IncomingHttpHeaders, plan: ForwardPlan): boolean =>
  connectionNames(incoming.connection)?.some((name) => incoming[name] !== undefined && !plan.requestDrop[name]) ?? false

/** Fields that the client's `Connection` takes away. One that the route has looked at must not be among them. */
function namedAway(incoming: IncomingHttpHeaders, plan: ForwardPlan): readonly string[] | null {
  const named = connectionNames(incoming.connection)
  if (plan.checksHeaders && hidesFields(incoming, plan)) {
    throw gatehouseError('GW_BAD_REQUEST', {
      detail: 'Connection names a header that this route checks: send that header without naming it in Connection.',
    })
  }
  return named
}
