import { comparableHost } from '../upstream/comparable-host.ts'
import type { Target } from '../upstream/target.ts'
import type { ForwardPlan } from './forward-plan.ts'

type Place = Pick<ForwardPlan, 'upstream' | 'strippedPrefix' | 'fixedHost'>

/** Where a client is, as far as addresses for it depend on that. */
export interface ClientView {
  /** Prefix that a trusted proxy has stripped; `''` for none. */
  readonly outerPrefix: string
  /** The client's `Host`, when the upstream has got it and so knows itself by it; null for none. */
  readonly knownHost: string | null
  /** Whether the client uses https. */
  readonly isSecure: boolean
  /** Path and query of the request as it came to the gateway. */
  readonly url: string
}

const ANYWHERE: ClientView = { outerPrefix: '', knownHost: null, isSecure: false, url: '' }

/**
 * A URI reference of a response as a client of the gateway must see it, such as that of `Location` (RFC 9110, section
 * 10.2.2). An address of one of the upstream's targets becomes a path, so that the backend stays hidden. A path gets
 * the prefixes back that the upstream does not see. Addresses elsewhere stay as they are.
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
  // an upstream that heeds X-Forwarded-Prefix has put it there itself
  if (whole !== '' && isBelow(path, whole)) return path
  const based = upstream.targets.find(({ basePath }) => basePath !== '' && isBelow(path, basePath))
  if (based !== undefined) path = rooted(path.slice(based.basePath.length))
  return isBelow(path, strippedPrefix) ? outerPrefix + path : whole + path
}

/**
 * An address under the client's own `Host`, from an upstream that has got that `Host`. It lacks the prefixes, and a
 * service that does not heed `X-Forwarded-Proto` calls the scheme http. https clients get a path then, unless it would
 * lead them back to where they are.
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

/** Whether scheme and authority are those of a target; the scheme of a target is taken where there is none. */
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
