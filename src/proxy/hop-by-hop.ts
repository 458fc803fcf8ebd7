/**
 * Fields that are about one connection only and are never forwarded, in either direction (RFC 9110, section 7.6.1).
 * `Connection` may name further ones.
 */
export const HOP_BY_HOP: readonly string[] = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]

/** A set of header names for fast look-ups. It has no prototype, so `__proto__` is not in it. */
export type NameSet = Readonly<Record<string, true>>

export function nameSet(...groups: (readonly string[] | undefined)[]): NameSet {
  const set: Record<string, true> = Object.create(null)
  for (const group of groups) for (const name of group ?? []) set[name.toLowerCase()] = true
  return set
}

/** Characters that CGI, WSGI and similar interfaces do not distinguish from a hyphen in the name of a header. */
export const UNUSUAL_NAME = /[^a-z0-9-]/

/** The name of a header as such an interface reads it: `x_user` and `x.user` are `x-user` to it. */
export const plainName = (name: string): string => name.replace(/[^a-z0-9]/g, '-')

/** Names of headers with their plain forms: a rule about `x_user` must hold for `x-user` too. */
export const withPlainNames = (names: readonly string[]): string[] =>
  names.flatMap((given) => {
    const name = given.toLowerCase()
    return UNUSUAL_NAME.test(name) ? [name, plainName(name)] : [name]
  })

const END_TO_END = new Set([
  'host',
  'content-length',
  'content-type',
  'content-encoding',
  'content-range',
  'authorization',
  'cookie',
  'cache-control',
  'range',
  'max-forwards',
])

/**
 * Names that a `Connection` header lists, in lower case; null when none of them must be removed. Fields that are meant
 * for all recipients cannot be removed that way (RFC 9110, section 7.6.1).
 */
export function connectionNames(connection: string | string[] | undefined): readonly string[] | null {
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return null
  return String(connection)
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '' && !END_TO_END.has(name))
}
