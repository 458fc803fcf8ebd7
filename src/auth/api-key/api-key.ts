import { BlockList, isIP } from 'node:net'
import { BootProblems, type Problem } from '../../errors.ts'
import type { Consumer } from '../auth-schema.ts'
import { configuredConsumer } from '../claims.ts'
import type { ApiKeyEntry } from './api-key-schema.ts'
import { digestOf, indexOf } from './api-key-hash.ts'

/** A key in the form in which requests are checked. */
export interface ApiKey {
  /** SHA-256 of the key. */
  digest: Buffer
  /** Milliseconds since 1970 from which it is refused; Infinity for never. */
  until: number
  /** Where it may be used from; null for anywhere. */
  networks: NetworkList | null
  consumer: Consumer
}

/** Keys by the index of their hash. */
export type ApiKeys = ReadonlyMap<string, ApiKey>

const EMPTY = digestOf('')

/**
 * Compiles entries that their schema has accepted.
 * @param file  the file they are from, for the messages
 * @param at    field of the list in that file, such as `apiKeys.keys`
 * @throws BootProblems with every mistake
 */
export function compileApiKeys(entries: readonly ApiKeyEntry[], file: string, at = ''): ApiKeys {
  const problems: Problem[] = []
  const keys = new Map<string, ApiKey>()
  for (const [i, entry] of entries.entries()) {
    const say = (field: string, message: string): void => {
      problems.push({ file, field: `${at}[${i}].${field}`, message })
    }
    const key = compile(entry, say)
    const index = indexOf(key.digest)
    if (key.digest.equals(EMPTY)) say('sha256', 'is the SHA-256 of nothing: give that of a key')
    else if (keys.has(index)) say('sha256', 'stands here a second time: give each key once')
    keys.set(index, key)
  }
  if (problems.length > 0) throw new BootProblems(problems)
  return keys
}

function compile(
  { name, id, sha256, expires, addresses, ...grants }: ApiKeyEntry,
  say: (field: string, message: string) => void,
): ApiKey {
  const until = expires === undefined ? Infinity : timeOf(expires)
  if (Number.isNaN(until)) {
    say('expires', `found ${JSON.stringify(expires)}, which is no day of the calendar: write one such as 2027-01-31`)
  }
  const networks = addresses === undefined ? null : new NetworkList()
  for (const [i, address] of addresses?.entries() ?? []) {
    if (!networks!.add(address)) {
      say(
        `addresses[${i}]`,
        `found ${JSON.stringify(address.slice(0, 60))}, allowed: IP address, or network such as 10.0.0.0/8`,
      )
    }
  }
  return {
    digest: Buffer.from(sha256, 'hex'),
    until,
    networks,
    consumer: configuredConsumer(name, 'apiKey', { name, ...(id === undefined ? {} : { keyId: id }) }, grants),
  }
}

/**
 * Milliseconds since 1970; NaN for a date that does not exist, such as June 31st, which `Date` would read as July 1st.
 */
function timeOf(text: string): number {
  const day = text.slice(0, 10)
  const date = new Date(`${day}T00:00:00Z`)
  return Number.isNaN(date.getTime()) || !date.toISOString().startsWith(day) ? NaN : Date.parse(text)
}

/** A list of addresses and networks (CIDR). */
export class NetworkList {
  readonly #list = new BlockList()

  /** @returns false when the text is neither an address nor a network, such as `10.0.0.0/8` or `2001:db8::/32` */
  add(text: string): boolean {
    const [, address, bits] = /^([^/%]+)(?:\/(\d{1,3}))?$/.exec(text) ?? []
    const version = isIP(address ?? '')
    if (version === 0) return false
    const family = version === 6 ? 'ipv6' : 'ipv4'
    if (bits === undefined) this.#list.addAddress(address!, family)
    else if (Number(bits) <= (version === 4 ? 32 : 128)) this.#list.addSubnet(address!, Number(bits), family)
    else return false
    return true
  }

  /** Whether the list covers the address; an IPv4-mapped IPv6 address counts as IPv4. */
  has(address: string): boolean {
    const bare = address.split('%', 1)[0]!
    const version = isIP(bare)
    return version !== 0 && this.#list.check(bare, version === 6 ? 'ipv6' : 'ipv4')
  }
}
