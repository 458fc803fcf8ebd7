import type { Consumer } from './auth-schema.ts'
import { claimAt } from './claims.ts'

/** The headers that tell the upstream who the consumer is. */
export interface IdentityHeaders {
  /** Names in lower case; headers of these names that a client sends are removed. */
  names: string[]
  /** Name, value, name, value; a missing claim makes no header. */
  values(consumer: Consumer): string[]
}

/**
 * Compiles the `identityHeaders` of the configuration.
 * @param map  header name to claim: `sub` is the consumer's id, `scope` all scopes with spaces between, a dot reaches
 *   into objects. A claim whose own name has dots, such as `https://example.com/org`, wins over a path.
 * @example compileIdentityHeaders({ 'X-User': 'sub' }).values(consumer) // ['x-user', 'ada']
 */
export function compileIdentityHeaders(map: Record<string, string>): IdentityHeaders {
  const entries = Object.entries(map).map(([name, claim]) => ({
    name: name.toLowerCase(),
    claim,
    path: claim.split('.'),
  }))
  return {
    names: entries.map(({ name }) => name),
    values(consumer) {
      const headers: string[] = []
      for (const { name, claim, path } of entries) {
        const value =
          claim === 'sub'
            ? consumer.id
            : claim === 'scope'
              ? consumer.scopes.join(' ')
              : textOf(claimAt(consumer.claims, claim, path))
        if (value !== undefined) headers.push(name, headerSafe(value))
      }
      return headers
    },
  }
}

const textOf = (value: unknown): string | undefined =>
  value === undefined || value === null ? undefined : typeof value === 'object' ? JSON.stringify(value) : String(value)

const PLAIN = /^(?! )[\x20-\x24\x26-\x7e]*(?<! )$/
const UNSAFE = /^ +|[^\x20-\x24\x26-\x7e]+| +$/g

/**
 * Percent-encodes (UTF-8) all but visible ASCII, leading and trailing spaces, which HTTP would trim, and `%` itself. So
 * no claim can break out of its header, and different claims never become the same value.
 */
const headerSafe = (value: string): string =>
  PLAIN.test(value) ? value : value.replace(UNSAFE, (text) => encodeURIComponent(text.toWellFormed()))
