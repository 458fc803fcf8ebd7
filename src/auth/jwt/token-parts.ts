/** Header and claims of a token, parsed strictly. The signature has not been checked. */
export interface TokenParts {
  alg: string
  kid: string | undefined
  /** Not verified yet. */
  claims: Readonly<Record<string, unknown>>
}

/** Largest date in seconds since 1970 (ECMA-262, time values). */
const LAST_SECOND = 8.64e12
const DATES = ['exp', 'nbf', 'iat']

/**
 * Parses header and claims of a token. Refuses what two parsers could read differently: non-canonical base64url,
 * invalid UTF-8, and duplicate names (RFC 7515, section 4; RFC 7519, section 4).
 * @throws Error of any kind when the token is malformed, or requires an extension
 */
export function tokenParts(token: string): TokenParts {
  const [head = '', payload = '', signature = ''] = token.split('.')
  const header = jsonObject(decoded(head))
  const claims = jsonObject(decoded(payload))
  decoded(signature)
  // no extension is supported, so a critical one is always refused (RFC 7515, section 4.1.11)
  if (Object.hasOwn(header, 'crit')) throw new Error('critical header')
  // the claims would be those of the inner token (RFC 7519, section 5.2)
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

/** @throws Error for non-canonical base64url: with padding, or with unused bits set in the last character */
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

/** Whether any object in a JSON text has a duplicate name. @param json  valid JSON */
export function hasRepeatedName(json: string): boolean {
  // a set of names for each open object; null for an open list
  const open: (Set<string> | null)[] = []
  for (const [token, string, colon] of json.matchAll(/("(?:[^"\\]|\\.)*")(\s*:)?|[{}[\]]/g)) {
    if (string === undefined) {
      if (token === '{') open.push(new Set())
      else if (token === '[') open.push(null)
      else open.pop()
    } else if (colon !== undefined) {
      const names = open.at(-1)!
      const { size } = names
      // unescaped, since "a" and "\\u0061" are the same name
      if (names.add(JSON.parse(string) as string).size === size) return true
    }
  }
  return false
}
