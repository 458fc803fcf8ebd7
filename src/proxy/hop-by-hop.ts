/**
 * Fields that are about one connection only and are never forwarded, in either direction (RFC 9110, section 7.6.1).
 * `Connection` may name further ones.
 */
export const HOP_BY_HOP: readonly string[] = [
  'connection', 'keep-alive', 'proxy-connection', 'proxy-authenticate', 'proxy-authorization', 'te', 'trailer',
  'transfer-encoding', 'upgrade', 'http2-settings',
]

/** A set of header names for look-ups on the hot path; hostile names such as `__proto__` find nothing in it. */
export type NameSet = Readonly<Record<string, true>>

export function nameSet (...groups: (readonly string[] | undefined)[]): NameSet {
  const set: Record<string, true> = Object.create(null)
  for (const group of groups) for (const name of group ?? []) set[name.toLowerCase()] = true
  return set
}

/**
 * Names that a `Connection` header lists, in small letters; null when it names nothing that needs taking away.
 * Framing and routing fields cannot be named away (RFC 9110, section 7.6.1: not fields meant for all recipients).
 */
export function connectionNames (connection: string | string[] | undefined): readonly string[] | null {
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return null
  return String(connection).toLowerCase().split(',').map((name) => name.trim())
    .filter((name) => name !== '' && name !== 'host' && name !== 'content-length')
}
