import type { Coding } from './compression-schema.ts'

/** The weight of each coding, from 0 to 1; names in lower case. */
type Weights = ReadonlyMap<string, number>

const MEMBER = /^\s*([!#$%&'*+.^_`|~0-9a-z-]+)\s*(?:;\s*q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*)?$/
/** Most members that are read; browsers send four. */
const MOST_MEMBERS = 20

/** Parses `Accept-Encoding` (RFC 9110, section 12.5.3). Malformed members are ignored. */
function weightsOf(field: string): Weights {
  const weights = new Map<string, number>()
  for (const member of field.toLowerCase().split(',', MOST_MEMBERS)) {
    const match = MEMBER.exec(member)
    if (match !== null) weights.set(plain(match[1]!), match[2] === undefined ? 1 : Number(match[2]))
  }
  return weights
}

/** Resolves aliases (RFC 9110, section 8.4.1). */
const plain = (coding: string): string => (coding === 'x-gzip' ? 'gzip' : coding)

/**
 * The coding that the client prefers.
 * @param field    `Accept-Encoding`
 * @param offered  available codings, the preferred one first
 * @returns null for none: the body is sent as it is, also to a client without `Accept-Encoding`
 */
export function preferredCoding(field: string | undefined, offered: readonly Coding[]): Coding | null {
  if (field === undefined) return null
  const weights = weightsOf(field)
  let best: Coding | null = null
  let most = 0
  for (const coding of offered) {
    const weight = weights.get(coding) ?? weights.get('*') ?? 0
    if (weight > most) [best, most] = [coding, weight]
  }
  // an uncompressed body wins only if the client gives `identity` a higher weight
  return (weights.get('identity') ?? 0) > most ? null : best
}

/**
 * Whether the client accepts a coding. A client without `Accept-Encoding` accepts none.
 * @param coding  in lower case
 */
export function acceptsCoding(field: string | undefined, coding: string): boolean {
  if (field === undefined) return false
  const weights = weightsOf(field)
  return (weights.get(plain(coding)) ?? weights.get('*') ?? 0) > 0
}
