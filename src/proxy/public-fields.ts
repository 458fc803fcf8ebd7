import { isIPv4 } from 'node:net'
import type { FastifyRequest } from 'fastify'
import { comparableHost, type Target } from '../upstream/target.ts'
import type { ForwardPlan } from './forward-plan.ts'

type Value = string | string[]

/**
 * A field of a response as clients get it: fields with addresses name the gateway instead of the target. All others
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
      // without the attribute the cookie belongs to the host that the client has asked
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

/** A cookie for all paths of a service becomes one for the prefix and the paths below it. */
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

type Place = Pick<ForwardPlan, 'upstream' | 'strippedPrefix' | 'fixedHost'>

/** The client's side of the gateway, which addresses for it depend on. */
export interface ClientView {
  /** Prefix that a trusted proxy has stripped; `''` for none. */
  readonly outerPrefix: string
  /** The client's `Host`, when the upstream has got it and may name itself so; null for none. */
  readonly knownHost: string | null
  /** Whether the client uses https. */
  readonly isSecure: boolean
  /** Path and query of the request as it came to the gateway. */
  readonly url: string
}

const ANYWHERE: ClientView = { outerPrefix: '', knownHost: null, isSecure: false, url: '' }

/**
 * A URI reference of a response, such as `Location` (RFC 9110, section 10.2.2), as clients must see it. The address of
 * a target becomes a path, so that the backend stays hidden. A path gets the prefixes back that the upstream does not
 * see. Other addresses stay as they are.
 */
export function publicLocation(location: string, plan: Place, view = ANYWHERE): string {
  const [, scheme, authority, rest] = /^(https?:)?\/\/([^/?#]*)(.*)$/is.exec(location) ?? []
  if (authority === undefined) return location[0] === '/' ? publicPath(location, plan, view.outerPrefix) : location
  if (isOwn(plan.upstream.targets, scheme, authority)) return publicPath(rooted(rest!), plan, view.outerPrefix)
  if (isHost(authority, view.knownHost)) {
    return withPublicPath(location, `${scheme ?? ''}//${authority}`, rooted(rest!), plan, view)
  }
  return isHost(authority, plan.fixedHost) ? publicPath(rooted(rest!), plan, view.outerPrefix) : location
}

/** A path of the upstream as clients see it. @param path  path, and whatever follows it */
export function publicPath(path: string, { upstream, strippedPrefix }: Place, outerPrefix: string): string {
  const whole = outerPrefix + strippedPrefix
  // the upstream has read X-Forwarded-Prefix and put the prefix there itself
  if (whole !== '' && isBelow(path, whole)) return path
  const based = upstream.targets.find(({ basePath }) => basePath !== '' && isBelow(path, basePath))
  if (based !== undefined) path = rooted(path.slice(based.basePath.length))
  return isBelow(path, strippedPrefix) ? outerPrefix + path : whole + path
}

/**
 * An address under the client's own `Host`, which the upstream has got. It lacks the prefixes, and its scheme is http
 * when the service ignores `X-Forwarded-Proto`. https clients then get a path, unless that is the URL they have asked.
 * @param origin  scheme and authority, as far as they are stated
 */
function withPublicPath(location: string, origin: string, path: string, plan: Place, view: ClientView): string {
  const found = publicPath(path, plan, view.outerPrefix)
  if (view.isSecure && /^http:/i.test(origin) && found !== view.outerPrefix + view.url) return found
  return found === path ? location : origin + found
}

/** Whether a path is a prefix, or lies below it. */
const isBelow = (path: string, prefix: string): boolean =>
  path.startsWith(prefix) && (path.length === prefix.length || '/?#'.includes(path[prefix.length]!) || prefix === '')

/**
 * A path that begins with exactly one slash: browsers take `//evil.test`, `/\evil.test` and `/<tab>/evil.test` for
 * another host.
 */
const rooted = (path: string): string => `/${path.replace(/^[/\\\t]+/, '')}`

const isHost = (authority: string, host: string | null): boolean =>
  host !== null && withoutDefaultPort(authority) === withoutDefaultPort(host)

const withoutDefaultPort = (host: string): string => host.toLowerCase().replace(/:(?:80|443)$/, '')

/** Whether scheme and authority are those of a target. Without a scheme, that of the target counts. */
function isOwn(targets: readonly Target[], scheme: string | undefined, authority: string): boolean {
  const parsed = (protocol: string): string | null => {
    const url = URL.parse(`${protocol}//${authority}`)
    return url === null ? null : comparableHost(url.host)
  }
  if (scheme !== undefined) {
    const host = parsed(scheme)
    return host !== null && targets.some(({ comparable }) => comparable === host)
  }
  const [http, https] = [parsed('http:'), parsed('https:')]
  if (http === null) return false
  return targets.some(({ comparable, origin }) => comparable === (origin.startsWith('https:') ? https : http))
}

/** One parameter of a link: its name, and its value when that is a quoted string (RFC 8288, section 3). */
const PARAMETER = /[ \t]*;[ \t]*(?:([^\s=;,"<]*)[ \t]*(?:=[ \t]*(?:"((?:[^"\\]|\\.)*)"|[^\s;,"]*))?)?/y
const GAP = /[ \t,]*/y

/**
 * A `Link` field with each target and each `anchor` replaced. From the point where the value is no list of links, it
 * stays as it came.
 * @param replaced  gives the replacement of a URI reference
 */
export function withLinks(value: string, replaced: (reference: string) => string): string {
  let result = ''
  /** End of the part that is in `result`. */
  let copied = 0
  for (let at = 0; ;) {
    at = endOf(GAP, value, at)
    const end = value[at] === '<' ? value.indexOf('>', at) : -1
    if (end === -1) return result + value.slice(copied)
    result += value.slice(copied, at + 1) + replaced(value.slice(at + 1, end))
    copied = end
    at = end + 1
    for (let found = parameterAt(value, at); found !== null; found = parameterAt(value, at)) {
      const [text, name = '', quoted] = found
      at += text.length
      if (quoted === undefined || name.toLowerCase() !== 'anchor') continue
      result +=
        value.slice(copied, at - quoted.length - 1) + replaced(quoted.replace(/\\(.)/g, '$1')).replace(/["\\]/g, '\\$&')
      copied = at - 1
    }
    at = endOf(/[ \t]*/y, value, at)
    if (value[at] !== ',') return result + value.slice(copied)
  }
}

function endOf(gap: RegExp, value: string, from: number): number {
  gap.lastIndex = from
  gap.exec(value)
  return gap.lastIndex
}

function parameterAt(value: string, from: number): RegExpExecArray | null {
  PARAMETER.lastIndex = from
  return PARAMETER.exec(value)
}
