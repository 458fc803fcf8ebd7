import { mistakes } from '../config/schema-check.ts'
import { Duration } from '../units.ts'
import { ownConfig } from './command-config.ts'
import { CommandFailure } from './failure.ts'

export interface TokenOptions {
  config?: string
  sub: string
  scopes: string[]
  expires: string
  claim: string[]
}

/**
 * `name=value` pairs as claims: values that are valid JSON (`true`, `7`, `["a"]`) are parsed, all others are strings.
 */
export function parseClaims(pairs: readonly string[]): Record<string, unknown> {
  const claims = new Map<string, unknown>()
  for (const pair of pairs) {
    const split = pair.indexOf('=')
    if (split < 1) throw new CommandFailure(`--claim ${JSON.stringify(pair)} is no claim, allowed: name=value`)
    const text = pair.slice(split + 1)
    let value: unknown = text
    try {
      value = JSON.parse(text)
    } catch {}
    claims.set(pair.slice(0, split), value)
  }
  return Object.fromEntries(claims)
}

/** Claims that have an option of their own, or that the command sets itself. */
const STATED: Record<string, string> = {
  exp: 'state --expires instead',
  iat: 'the time of signing is stated in any case',
}

function checkClaims(claims: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(claims)) {
    if (Object.hasOwn(STATED, name)) throw new CommandFailure(`--claim ${name}=... is not taken: ${STATED[name]}`)
    if (name === 'nbf' && typeof value !== 'number') {
      throw new CommandFailure(`--claim nbf: found ${JSON.stringify(value)}, allowed: seconds since 1970`)
    }
  }
}

/** Digits without a unit are milliseconds, as in all other options. */
function lifetime(text: string): string | number {
  const value = /^\d+$/.test(text) ? Number(text) : text
  const [wrong] = mistakes(Duration({ description: 'lifetime', least: 1000, most: Number.MAX_SAFE_INTEGER }), value)
  if (wrong) throw new CommandFailure(`--expires: ${wrong.message}`)
  return value
}

/** `gatehouse token`: prints a signed development token, and nothing else, on standard output. */
export async function token({ config: file, sub, scopes, expires, claim }: TokenOptions): Promise<number> {
  const claims = parseClaims(claim)
  checkClaims(claims)
  const expiresIn = lifetime(expires)
  const config = await ownConfig({ config: file })
  if (!config.jwt) {
    throw new CommandFailure(
      'there is no key to sign with: set jwt.secret in the configuration, or GATEHOUSE_JWT_SECRET',
    )
  }
  const { signToken } = await import('../auth/jwt/dev-token.ts')
  process.stdout.write(`${signToken(config.jwt, { sub, scopes, expiresIn, claims })}\n`)
  return 0
}
