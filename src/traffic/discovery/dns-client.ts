import { lookup, Resolver } from 'node:dns/promises'
import { isIP } from 'node:net'
import { milliseconds } from '../../units.ts'
import type { DnsSettings } from './discovery-schema.ts'

/** An answer of a name server. */
export interface DnsAnswer<T> {
  value: T
  /** How long it is valid, in milliseconds; undefined when the server does not state it. */
  ttl: number | undefined
}

/** One SRV record: an address of a service (RFC 2782). */
export interface ServiceRecord {
  name: string
  port: number
  priority: number
  weight: number
}

type Family = 4 | 6
interface FamilyAnswer {
  addresses: string[]
  ttl: number | undefined
}

/** Most addresses and records of one name, so that an answer cannot fill the memory. */
const MOST = 256
/** Errors for a name without such a record. All other errors mean that the server could not answer. */
const ABSENT = new Set(['ENODATA', 'ENOTFOUND'])
/** Names that need no encoding in a URL (RFC 1123, with the underscore of service names). */
const HOST_NAME = /^[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*$/i

/** Asks name servers for addresses and services. */
export class DnsClient {
  /** Configured lifetime of every answer, in milliseconds. */
  readonly #ttl: number | undefined
  /** Whether it asks configured servers instead of those of the system. */
  readonly hasOwnServers: boolean
  readonly #resolver = new Resolver({ timeout: 2000, tries: 2 })
  /** The last answers by family and name, for when the server fails for one of the families. */
  readonly #last = new Map<string, FamilyAnswer>()

  /** @throws Error when a server is not an address */
  constructor({ servers, ttl }: DnsSettings = {}) {
    this.#ttl = ttl === undefined ? undefined : milliseconds(ttl)
    this.hasOwnServers = servers !== undefined
    if (servers !== undefined) this.#resolver.setServers(servers)
  }

  /** The addresses of a name, sorted. @throws Error when there are none, or no server answers */
  async addresses(name: string): Promise<DnsAnswer<string[]>> {
    const { addresses, ttl } = this.hasOwnServers ? await this.#ask(name) : await this.#askSystem(name)
    if (addresses.length === 0) throw Object.assign(new Error(`no address is known for ${name}`), { code: 'ENOTFOUND' })
    return { value: [...new Set(addresses)].sort().slice(0, MOST), ttl: this.#ttl ?? ttl }
  }

  /** The SRV records of a service. @throws Error when there are none, or no server answers */
  async services(name: string): Promise<DnsAnswer<ServiceRecord[]>> {
    const records = await this.#resolver.resolveSrv(name)
    // records come from outside, and their names go into URLs; "." means that there is no such service
    const value = records
      .filter((record) => HOST_NAME.test(record.name) && record.port > 0)
      .slice(0, MOST)
      .map(({ name, port, priority, weight }) => ({ name, port, priority, weight }))
    if (value.length === 0) {
      throw Object.assign(new Error(`no place is known for the service ${name}`), { code: 'ENOTFOUND' })
    }
    // Node does not return the TTL of SRV records
    return { value, ttl: this.#ttl }
  }

  /** Asks the system, which knows `/etc/hosts` and search domains, and a name server for the TTL. */
  async #askSystem(name: string): Promise<FamilyAnswer> {
    const [found, timed] = await Promise.all([
      lookup(name, { all: true }),
      this.#ttl === undefined ? this.#ask(name).catch(() => null) : null,
    ])
    return { addresses: found.map(({ address }) => address), ttl: timed?.ttl }
  }

  async #ask(name: string): Promise<FamilyAnswer> {
    const answers = await Promise.allSettled([this.#family(name, 4), this.#family(name, 6)])
    const found = answers.filter((answer) => answer.status === 'fulfilled').map(({ value }) => value)
    const addresses = found.flatMap((answer) => answer.addresses)
    const failed = answers.find((answer) => answer.status === 'rejected')
    if (failed !== undefined && addresses.length === 0) throw failed.reason
    const times = found.map(({ ttl }) => ttl).filter((ttl) => ttl !== undefined)
    return { addresses, ttl: times.length > 0 ? Math.min(...times) : undefined }
  }

  /** Asks for one family. If the server fails for it, the last answer stays, so that its addresses do not flap. */
  async #family(name: string, family: Family): Promise<FamilyAnswer> {
    const key = `${family} ${name}`
    try {
      const records = await (family === 4
        ? this.#resolver.resolve4(name, { ttl: true })
        : this.#resolver.resolve6(name, { ttl: true }))
      const answer = {
        addresses: records.map(({ address }) => address).filter((address) => isIP(address) === family),
        ttl: 1000 * Math.min(...records.map(({ ttl }) => ttl)),
      }
      this.#last.set(key, answer)
      return answer
    } catch (error) {
      if (!ABSENT.has((error as NodeJS.ErrnoException).code ?? '')) {
        // the last answer only completes the other family
        const last = this.#last.get(key)
        if (last === undefined) throw error
        return last
      }
      this.#last.delete(key)
      return { addresses: [], ttl: undefined }
    }
  }
}
