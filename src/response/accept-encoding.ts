import type { Coding } from './compression-schema.ts'

/** The weight of each coding, from 0 to 1; names in lower case. */
type Weights = ReadonlyMap<string, number>

const MEMBER = /^\s*([!#$%&'*+.^_`|~0-9a-z-]+)\s*(?:;\s*q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*)?$/
/** Most members that are looked at; browsers send four. */
const MOST_MEMBERS = 20

/** What `Accept-Encoding` says (RFC 9110, section 12.5.3); members that are malformed are passed over. */
function weightsOf(field: string): Weights {
  const weights = new Map<string, number>()
  for (const member of field.toLowerCase().split(',', MOST_MEMBERS)) {
    const match = MEMBER.exec(member)
    if (match !== null) weights.set(plain(match[1]!), match[2] === undefined ? 1 : Number(match[2]))
  }
  return weights
}

/** Names that recipients take for one (RFC 9110, section 8.4.1). */
const plain = (coding: string): string => (coding === 'x-gzip' ? 'gzip' : coding)

/**
 * The coding that the client likes best.
 * @param field    `Accept-Encoding`
 * @param offered  those that can be had, the preferred first
 * @returns null for none: the body is sent as it is, which is what a client without `Accept-Encoding` gets too
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
  // to be left alone is liked only as well as it says
  return (weights.get('identity') ?? 0) > most ? null : best
}

/**
 * Whether the client takes a coding. One that says nothing is taken for one that cannot decode. @param coding  in small
 * letters
 */
export function acceptsCoding(field: string | undefined, coding: string): boolean {
  if (field === undefined) return false
  const weights = weightsOf(field)
  return (weights.get(plain(coding)) ?? weights.get('*') ?? 0) > 0
}
