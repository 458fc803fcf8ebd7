import type { Consumer } from './auth-schema.ts'
import { claimAt } from './claims.ts'

/** What the upstream learns of the consumer. */
export interface IdentityHeaders {
  /** Names in small letters; a client's own headers of these names are removed. */
  names: string[]
  /** Name, value, name, value; a claim that is not there makes no header. */
  values(consumer: Consumer): string[]
}

/**
 * Compiles the `identityHeaders` of the configuration.
 * @param map  header name to claim: `sub` is the consumer's id, `scope` is every scope, joined by spaces, a dot reaches
 *             into objects. A claim whose whole name has dots in it, such as `https://example.com/org`, is found first.
 * @example
 * compileIdentityHeaders({ 'X-User': 'sub' }).values(consumer) // ['x-user', 'ada']
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
 * No claim may end a header, and no two claims may look alike to the upstream: what is not visible ASCII is
 * percent-encoded (UTF-8), as are spaces at the ends, which HTTP would drop, and `%` itself.
 */
const headerSafe = (value: string): string =>
  PLAIN.test(value) ? value : value.replace(UNSAFE, (text) => encodeURIComponent(text.toWellFormed()))
