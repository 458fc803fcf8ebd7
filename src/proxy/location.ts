import { comparableHost } from '../upstream/comparable-host.ts'
import type { Target } from '../upstream/target.ts'
import type { ForwardPlan } from './forward-plan.ts'

type Place = Pick<ForwardPlan, 'upstream' | 'strippedPrefix'>

/**
 * A URI reference of a response as a client of the gateway must see it, such as that of `Location` (RFC 9110, section 10.2.2).
 * An address of one of the upstream's targets becomes a path, so that the backend stays hidden. A path gets the prefixes
 * back that the upstream does not see. Addresses elsewhere stay as they are.
 * @param outerPrefix  prefix that a trusted proxy has stripped
 */
export function publicLocation (location: string, plan: Place, outerPrefix = ''): string {
  const [, scheme, authority, rest] = /^(https?:)?\/\/([^/?#]*)(.*)$/is.exec(location) ?? []
  if (authority === undefined) return location[0] === '/' ? publicPath(location, plan, outerPrefix) : location
  return isOwn(plan.upstream.targets, scheme, authority) ? publicPath(rooted(rest!), plan, outerPrefix) : location
}

/** A path of the upstream as clients see it. @param path  path, and whatever follows it */
export function publicPath (path: string, { upstream, strippedPrefix }: Place, outerPrefix: string): string {
  const whole = outerPrefix + strippedPrefix
  // an upstream that heeds X-Forwarded-Prefix has put it there itself
  if (whole !== '' && isBelow(path, whole)) return path
  const { basePath } = upstream.targets.find((target) => target.basePath !== '' && isBelow(path, target.basePath)) ?? { basePath: '' }
  if (basePath !== '') path = rooted(path.slice(basePath.length))
  return isBelow(path, strippedPrefix) ? outerPrefix + path : whole + path
}

/** Whether a path is a prefix, or lies below it. */
const isBelow = (path: string, prefix: string): boolean =>
  path.startsWith(prefix) && (path.length === prefix.length || '/?#'.includes(path[prefix.length]!) || prefix === '')

/** A path that begins with exactly one slash: browsers take `//evil.test`, `/\evil.test` and `/<tab>/evil.test` for another host. */
const rooted = (path: string): string => `/${path.replace(/^[/\\\t]+/, '')}`

/** Whether scheme and authority are those of a target; the scheme of a target is taken where there is none. */
function isOwn (targets: readonly Target[], scheme: string | undefined, authority: string): boolean {
  const parsed = (protocol: string): string | null => {
    const url = URL.parse(`${protocol}//${authority}`)
    return url === null ? null : comparableHost(url.host)
  }
  if (scheme !== undefined) {
    const host = parsed(scheme)
    return host !== null && targets.some(({ comparable }) => comparable === host)
  }
  const [http, https] = [parsed('http:'), parsed('https:')]
  return http !== null && targets.some(({ comparable, origin }) => comparable === (origin.startsWith('https:') ? https : http))
}
