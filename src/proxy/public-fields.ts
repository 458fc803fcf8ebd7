import { isIPv4 } from 'node:net'
import type { FastifyRequest } from 'fastify'
import { comparableHost } from '../upstream/comparable-host.ts'
import type { ForwardPlan } from './forward-plan.ts'
import { withLinks } from './link-field.ts'
import { type ClientView, publicLocation, publicPath } from './location.ts'

type Value = string | string[]

/**
 * A field of a response as clients get it: fields that hold addresses name the gateway and not the target. All others
 * stay as they are.
 * @param name  in lower case
 */
export function publicField(name: string, value: Value, plan: ForwardPlan, request: FastifyRequest): Value {
  switch (name) {
    case 'location':
    case 'content-location':
      return publicLocation(String(value), plan, viewOf(plan, request))
    case 'link': {
      const view = viewOf(plan, request)
      return each(value, (one) => withLinks(one, (reference) => publicLocation(reference, plan, view)))
    }
    case 'refresh':
      return publicRefresh(String(value), plan, viewOf(plan, request))
    case 'set-cookie':
      return each(value, (one) => publicCookie(one, plan, request))
    default:
      return value
  }
}

const viewOf = (
  { forwarded, preserveHost, fixedHost }: ForwardPlan,
  { raw, originalUrl }: FastifyRequest,
): ClientView => ({
  outerPrefix: forwarded.outerPrefix(raw),
  knownHost: preserveHost || raw.headers.host === fixedHost ? (raw.headers.host ?? null) : null,
  isSecure: forwarded.originOf(raw).startsWith('https:'),
  url: originalUrl,
})

const each = (value: Value, change: (one: string) => string): Value =>
  Array.isArray(value) ? value.map(change) : change(value)

/**
 * Seconds, then an address that may be introduced by `url=` and quoted, as browsers read it (HTML, section 4.2.5.3).
 */
const REFRESH = /^([ \t]*[\d.]*[ \t]*[;,]?[ \t]*(?:url[ \t]*=[ \t]*)?)(["']?)(.*)$/is

function publicRefresh(value: string, plan: ForwardPlan, view: ClientView): string {
  const [, before = '', quote = '', rest = ''] = REFRESH.exec(value) ?? []
  const end = quote === '' ? -1 : rest.indexOf(quote)
  const address = end === -1 ? rest : rest.slice(0, end)
  return before + quote + publicLocation(address, plan, view) + rest.slice(address.length)
}

const HAS_PLACE = /;\s*(?:domain|path)\s*=/i
/** Browsers take a cookie of this name only for the whole host (RFC 6265bis, section 4.1.3.2). */
const WHOLE_HOST = /^\s*__host-/i

/** A `Set-Cookie` whose `Domain` and `Path` are those that clients see. */
function publicCookie(cookie: string, plan: ForwardPlan, request: FastifyRequest): string {
  if (!HAS_PLACE.test(cookie) || WHOLE_HOST.test(cookie)) return cookie
  const [pair, ...attributes] = cookie.split(';')
  const kept = attributes.flatMap((attribute) => {
    const [name = ''] = attribute.split('=', 1)
    const value = attribute.slice(name.length + 1).trim()
    switch (name.trim().toLowerCase()) {
      // without the attribute, the cookie is one of the host that the client has asked
      case 'domain':
        return value !== '' && isInternal(value, plan, request) ? [] : attribute
      case 'path':
        return value.startsWith('/')
          ? `${name}=${publicCookiePath(value, plan, plan.forwarded.outerPrefix(request.raw))}`
          : attribute
      default:
        return attribute
    }
  })
  return [pair, ...kept].join(';')
}

/** A cookie for all paths of a service is one for the prefix and what lies below it. */
function publicCookiePath(path: string, plan: ForwardPlan, prefix: string): string {
  const found = publicPath(path, plan, prefix)
  return path !== '/' && path.endsWith('/') ? found : found.replace(/\/$/, '') || '/'
}

/** Whether a cookie's domain is that of a target, and not of the host that the client has asked. */
function isInternal(
  attribute: string,
  { upstream, forwarded, fixedHost }: ForwardPlan,
  { raw }: FastifyRequest,
): boolean {
  const stated = attribute.replace(/^\./, '').toLowerCase()
  const publicHost = forwarded.originOf(raw).replace(/^.*:\/\//, '')
  if (isKeptFor(publicHost, stated)) return false
  const domain = comparableHost(stated)
  return isWithin(fixedHost ?? '', domain) || upstream.targets.some(({ comparable }) => isWithin(comparable, domain))
}

/**
 * Whether browsers take a cookie of this domain from a host (RFC 6265, section 5.1.3). They compare the names as
 * written; an address and a name of one label, such as `localhost`, cover themselves only.
 */
function isKeptFor(host: string, domain: string): boolean {
  const name = withoutPort(host)
  return name === domain || (domain.includes('.') && !isIPv4(name) && isWithin(name, domain))
}

/** Whether a host, with or without a port, belongs to a domain. */
function isWithin(host: string, domain: string): boolean {
  const name = withoutPort(host)
  return name === domain || name.endsWith(`.${domain}`)
}

const withoutPort = (host: string): string => host.replace(/:\d+$/, '')
