import type { ForwardPlan } from './forward-plan.ts'

/**
 * `Location` and `Content-Location` as a client of the gateway must see them (RFC 9110, sections 10.2.2 and 8.7).
 * An address of one of the upstream's targets becomes a path, so that the backend stays hidden; when the gateway strips
 * a prefix, a path of the upstream gets it back. Addresses elsewhere stay as they are.
 */
export function publicLocation (location: string, plan: ForwardPlan): string {
  const { upstream, strippedPrefix } = plan
  const [, scheme, authority, rest] = /^(https?:)?\/\/([^/?#]*)(.*)$/is.exec(location) ?? []
  let path = location
  if (authority !== undefined) {
    const target = upstream.targets.find((candidate) => isOrigin(candidate.origin, scheme, authority))
    if (!target) return location
    path = rest!.startsWith('/') ? rest! : `/${rest}`
    if (target.basePath !== '' && isBelow(path, target.basePath)) path = path.slice(target.basePath.length) || '/'
  } else if (path[0] !== '/') return location
  // an upstream that heeds X-Forwarded-Prefix has put it there itself
  if (strippedPrefix !== '' && !isBelow(path, strippedPrefix)) path = strippedPrefix + path
  return path
}

const isBelow = (path: string, prefix: string): boolean =>
  path.startsWith(prefix) && (path.length === prefix.length || '/?#'.includes(path[prefix.length]!))

function isOrigin (origin: string, scheme: string | undefined, authority: string): boolean {
  const url = new URL(origin)
  const found = URL.parse(`${scheme ?? url.protocol}//${authority}`)
  return found !== null && found.host === url.host
}
