import type { Consumer } from './auth-schema.ts'

/** What the upstream learns of the consumer. */
export interface IdentityHeaders {
  /** Names in small letters; a client's own headers of these names are removed. */
  names: string[]
  /** Name, value, name, value. */
  values (consumer: Consumer): string[]
}

/** @param map  header name to claim; `scope` is every scope, a dot reaches into objects */
export function compileIdentityHeaders (map: Record<string, string>): IdentityHeaders {
  const entries = Object.entries(map).map(([name, claim]) => [name.toLowerCase(), claim === 'scope' ? null : claim.split('.')] as const)
  return {
    names: entries.map(([name]) => name),
    values (consumer) {
      const headers: string[] = []
      for (const [name, path] of entries) {
        const value = path === null ? consumer.scopes.join(' ') : claimAt(consumer, path)
        if (value !== undefined) headers.push(name, headerSafe(value))
      }
      return headers
    },
  }
}

function claimAt (consumer: Consumer, path: readonly string[]): string | undefined {
  let value: unknown = path.length === 1 && path[0] === 'sub' ? consumer.id : consumer.claims
  if (typeof value === 'string') return value
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined
    value = (value as Record<string, unknown>)[part]
  }
  if (value === undefined || value === null) return undefined
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

/** No claim may end a header or be read in two ways: what is not visible ASCII is percent-encoded. */
const headerSafe = (value: string): string =>
  /^[\x20-\x7e]*$/.test(value) ? value.trim() : value.replace(/[^\x20-\x24\x26-\x7e]+/g, (text) => encodeURIComponent(text.toWellFormed())).trim()
