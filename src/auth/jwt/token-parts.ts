/** What a token says of itself, read strictly; its signature has not been looked at. */
export interface TokenParts {
  alg: string
  kid: string | undefined
  /** The claims as they are claimed. */
  claims: Readonly<Record<string, unknown>>
}

/** Seconds since 1970 beyond which there is no date (ECMA-262, time values). */
const LAST_SECOND = 8.64e12
const DATES = ['exp', 'nbf', 'iat']

/**
 * Reads header and claims of a token of three parts. What two readers could read in two ways is refused here: other
 * base64url of the same bytes, invalid UTF-8, and names that occur twice (RFC 7515, section 4; RFC 7519, section 4).
 * @throws Error of any kind when it is no such token, or when it needs something that is not understood here
 */
export function tokenParts(token: string): TokenParts {
  const [head = '', payload = '', signature = ''] = token.split('.')
  const header = jsonObject(decoded(head))
  const claims = jsonObject(decoded(payload))
  decoded(signature)
  // no extension is understood, so whoever demands one is refused, whatever it is (RFC 7515, section 4.1.11)
  if (Object.hasOwn(header, 'crit')) throw new Error('critical header')
  // a token within this one would be the one that counts (RFC 7519, section 5.2)
  if (typeof header.cty === 'string' && /^(?:application\/)?jwt$/i.test(header.cty)) throw new Error('nested token')
  const { alg, kid } = header
  if (typeof alg !== 'string') throw new Error('alg is no text')
  if (kid !== undefined && typeof kid !== 'string') throw new Error('kid is no text')
  for (const name of DATES) {
    const date = claims[name]
    // 1e400 is Infinity to a parser
    if (date !== undefined && !(typeof date === 'number' && Math.abs(date) <= LAST_SECOND)) {
      throw new Error(`${name} is no date`)
    }
  }
  return { alg, kid, claims }
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * @throws Error when the same bytes could be written in another way: with padding, or with bits in the last character
 *   that say nothing
 */
function decoded(part: string): Buffer {
  const bytes = Buffer.from(part, 'base64url')
  if (bytes.toString('base64url') !== part) throw new Error('base64url in no usual form')
  return bytes
}

function jsonObject(bytes: Buffer): Record<string, unknown> {
  const text = UTF8.decode(bytes)
  const value: unknown = JSON.parse(text)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error('no JSON object')
  if (hasRepeatedName(text)) throw new Error('a name occurs twice')
  return value as Record<string, unknown>
}

/** Whether an object anywhere in it has a name twice. @param json  valid JSON */
export function hasRepeatedName(json: string): boolean {
  // the names of each object that is open; null for a list
  const open: (Set<string> | null)[] = []
  for (const [token, string, colon] of json.matchAll(/("(?:[^"\\]|\\.)*")(\s*:)?|[{}[\]]/g)) {
    if (string === undefined) {
      if (token === '{') open.push(new Set())
      else if (token === '[') open.push(null)
      else open.pop()
    } else if (colon !== undefined) {
      const names = open.at(-1)!
      const { size } = names
      // however it is escaped
      if (names.add(JSON.parse(string) as string).size === size) return true
    }
  }
  return false
}
