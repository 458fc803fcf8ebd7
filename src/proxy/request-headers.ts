import type { IncomingHttpHeaders } from 'node:http'
import { isIP } from 'node:net'
import type { FastifyRequest } from 'fastify'
import { withoutCookies, withoutParameters } from '../auth/credentials.ts'
import { gatehouseError } from '../errors.ts'
import { traceIdOf } from '../observe/request-id.ts'
import { addDestination, hasDestination } from './destination.ts'
import type { ForwardPlan, HeaderCondition } from './forward-plan.ts'
import { nodeAddress } from './forwarded-field.ts'
import { connectionNames, plainName, UNUSUAL_NAME } from './hop-by-hop.ts'
import { countForward } from './max-forwards.ts'

/**
 * The headers of the request to the upstream: name, value, name, value. `host` comes first; its value is set for each
 * target. The source are Node's parsed headers, with one value for each name, so that the values that were checked are
 * the values that are sent.
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
    // another spelling comes from the client of a trusted proxy, not from the proxy
    if (isProxyClaim(plain) && (plain !== name || !plan.forwarded.trusts(request.raw.socket))) continue
    if (plan.spellings !== null && plan.spellings[plain]?.includes(name) === false) continue
    // undici states the length of a body itself, and refuses a length without a body
    if (name === 'content-length' && !hasBody) continue
    let value = incoming[name]!
    if (name === 'cookie' && plan.dropCookies !== null) {
      const kept = withoutCookies(String(value), plan.dropCookies)
      if (kept === null) continue
      value = kept
    }
    // the URL of the referring page may hold a key
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
    // a proxy may have stated a port, or `unknown`
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

/** Whether a field of the request is sent. @param named  fields that `Connection` removes */
const isSent = (
  name: string,
  incoming: IncomingHttpHeaders,
  plan: ForwardPlan,
  named: readonly string[] | null,
): boolean => incoming[name] !== undefined && !plan.requestDrop[name] && !named?.includes(name)

/** Removes a trace context that is invalid (W3C Trace Context, section 4.3). */
function dropTrace(headers: string[]): void {
  for (let i = headers.length - 2; i > 0; i -= 2) {
    if (headers[i] === 'traceparent' || headers[i] === 'tracestate') headers.splice(i, 2)
  }
}

/**
 * Refuses several values of a header that routes are chosen by. The router has compared them as one text, while the
 * upstream may read the first or the last, which would have been another route.
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

/** Whether the client's `Connection` removes a field, so that the upstream sees another request than the gateway. */
export const hidesFields = (incoming: IncomingHttpHeaders, plan: ForwardPlan): boolean =>
  connectionNames(incoming.connection)?.some((name) => incoming[name] !== undefined && !plan.requestDrop[name]) ?? false

/** Fields that the client's `Connection` removes. @throws when the route has checked headers, and one is removed */
function namedAway(incoming: IncomingHttpHeaders, plan: ForwardPlan): readonly string[] | null {
  const named = connectionNames(incoming.connection)
  if (plan.checksHeaders && hidesFields(incoming, plan)) {
    throw gatehouseError('GW_BAD_REQUEST', {
      detail: 'Connection names a header that this route checks: send that header without naming it in Connection.',
    })
  }
  return named
}

/**
 * Headers in which proxies and login proxies state who the client is, what its certificate is, or what it has asked
 * for. Services behind such a proxy believe them, so that the copies of a client must not pass, not even on open
 * routes. `FORWARDED_NAMES` has further fields, which the gateway writes itself.
 *
 * These are the fields of Traefik, Envoy, nginx and its ingress, oauth2-proxy, Vouch, Pomerium, Authelia, authentik,
 * Kong, Grafana, Kubernetes, Tailscale, Cloudflare, Fly.io, AWS, Google and Azure.
 */
const CLAIM = new RegExp(
  `^(?:${[
    'x-(?:forwarded|auth-request|ssl|client-cert|client-verify|client-dn|remote|webauth|authentik|envoy|vouch|pomerium)(?:$|-)',
    'x-(?:original-(?:uri|method|host|proto|scheme|forwarded-for|remote-addr)|host|client-ip|cluster-client-ip|originating-ip|azure-clientip|azure-socketip)$',
    'x-(?:http-host-override|host-override|script-name|(?:url-)?scheme|proxyuser-ip|true-client-ip|http-(?:x-)?forwarded-for)$',
    'x-(?:consumer-(?:id|custom-id|username|groups)|credential-identifier|anonymous-consumer|userinfo)$',
    'x-(?:authenticated-(?:userid|scope|user|groups)|appengine-user-ip|arr-(?:clientcert|ssl|log-id))$',
    'x-(?:amzn-(?:oidc|mtls)|goog-authenticated-user|ms-client-principal)(?:$|-)',
    '(?:client-cert|ssl-client|ssl-server|cf-access|cf-connecting|tailscale-user)(?:$|-)',
    '(?:remote-(?:user|groups?|name|email|addr)|forwarded-(?:for|host|proto|by)|script-name|url-scheme|auth-user|client-ip|fastly-client-ip|fly-client-ip|front-end-https)$',
    // CGI passes the field Proxy as HTTP_PROXY, through which many libraries send their own requests (httpoxy)
    '(?:wl-)?proxy-(?:client-ip|ssl|remote-user)$|proxy$',
  ].join('|')})`,
)

/**
 * Whether a header is one that only a trusted proxy may state.
 * @param name  in lower case, plain (see `plainName`)
 */
export function isProxyClaim(name: string): boolean {
  switch (name.charCodeAt(0)) {
    // the first letters of all these fields: most headers need no match
    case 97:
    case 99:
    case 102:
    case 112:
    case 114:
    case 115:
    case 116:
    case 117:
    case 119:
    case 120:
      return CLAIM.test(name)
    default:
      return false
  }
}
