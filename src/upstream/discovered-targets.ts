import { isIP } from 'node:net'
import type { DnsAnswer } from '../traffic/discovery/dns-client.ts'
import { TtlRefresh } from '../traffic/discovery/ttl-refresh.ts'
import { BootProblems, reasonOf } from '../errors.ts'
import type { SrvTarget, UrlTarget } from './target-schema.ts'
import {
  addressOf,
  pathMistake,
  schemeOf,
  type TargetPlace,
  type TargetSettings,
  targetSettings,
} from './target-settings.ts'
import type { SourceParts, TargetSource } from './target-source.ts'
import { TlsSource } from './target-tls.ts'

/** The targets of one entry that is not a file: one, or as many as DNS has. */
export class DiscoveredTargets implements TargetSource {
  targets: readonly TargetSettings[]
  readonly #entry: UrlTarget | SrvTarget
  readonly #parts: SourceParts
  readonly #tls: TlsSource | null
  readonly #ask: (() => Promise<DnsAnswer<TargetPlace[]>>) | null
  #refresh: TtlRefresh<TargetPlace[]> | null = null
  #places: TargetPlace[]
  #changed: () => void = () => {}

  /**
   * @param field  where the entry stands, for messages
   * @throws BootProblems about its URL or its TLS files
   */
  constructor(entry: UrlTarget | SrvTarget, field: string, parts: SourceParts) {
    const mistake = parts.isAsIs ? pathMistake(entry) : null
    if (mistake !== null) throw new BootProblems([{ file: parts.file, field, message: mistake }])
    this.#entry = entry
    this.#parts = parts
    this.#tls =
      entry.tls === undefined
        ? null
        : new TlsSource(entry.tls, { baseDir: parts.baseDir, file: parts.file, field: `${field}.tls` }, parts.log)
    this.#ask = questionOf(entry, parts)
    // a name is a target before its lookup, unless its addresses are the targets
    const waits = this.#ask !== null && (parts.allAddresses || 'srv' in entry)
    this.#places = waits || !('url' in entry) ? [] : [{ origin: addressOf(entry).url.origin }]
    this.targets = this.#settle()
  }

  async start(changed: () => void): Promise<void> {
    this.#changed = changed
    const { log, file, dnsInterval } = this.#parts
    if (this.#tls !== null) this.#tls.changed = () => this.#update()
    if (this.#ask === null) return
    const name = 'srv' in this.#entry ? this.#entry.srv : this.#entry.url
    this.#refresh = new TtlRefresh(
      this.#ask,
      {
        answered: (places) => this.#take(places),
        failed: (error) =>
          log.warn(
            { file, name, reason: reasonOf(error) },
            'the name of a target cannot be looked up: the last answer stays',
          ),
      },
      dnsInterval === undefined ? undefined : { least: dnsInterval, most: dnsInterval },
    )
    await this.#refresh.start()
  }

  close(): void {
    this.#refresh?.close()
    this.#tls?.close()
  }

  #take(places: TargetPlace[]): void {
    if (JSON.stringify(places) === JSON.stringify(this.#places)) return
    this.#places = places
    this.#update()
  }

  #update(): void {
    this.targets = this.#settle()
    this.#changed()
  }

  #settle(): readonly TargetSettings[] {
    const { connectTimeout, firstByte, dns } = this.#parts
    const lookup = dns.hasOwnServers ? async (name: string) => (await dns.addresses(name)).value : undefined
    const dial = { tls: this.#tls && this.#tls.material, connectTimeout, firstByte, lookup }
    return this.#places.map((place) => targetSettings(this.#entry, place, dial))
  }
}

/** The DNS lookup of an entry; null when it needs none. */
function questionOf(
  entry: UrlTarget | SrvTarget,
  { dns, allAddresses }: SourceParts,
): (() => Promise<DnsAnswer<TargetPlace[]>>) | null {
  if ('srv' in entry) {
    const scheme = schemeOf(entry)
    const service = entry.srv.replace(/\.$/, '')
    return async () => {
      const { value, ttl } = await dns.services(service)
      // the TTL is that of the addresses
      const found = await Promise.all(value.map(({ name }) => dns.addresses(name).catch(() => null)))
      const times = [ttl, ...found.map((answer) => answer?.ttl)].filter((time) => time !== undefined)
      return {
        value: value
          .map(({ name, port, weight, priority }, i) => ({
            origin: new URL(`${scheme}//${name}:${port}`).origin,
            addresses: found[i]?.value,
            weight,
            priority,
          }))
          .sort(byOrigin),
        ttl: times.length > 0 ? Math.min(...times) : undefined,
      }
    }
  }
  const {
    url: { hostname, origin },
    socket,
  } = addressOf(entry)
  if (socket !== undefined || isIP(hostname.replace(/^\[|\]$/g, '')) !== 0 || /(?:^|\.)localhost$/.test(hostname)) {
    return null
  }
  return async () => {
    const { value, ttl } = await dns.addresses(hostname)
    if (!allAddresses) return { value: [{ origin, addresses: value }], ttl }
    // a machine often has an address of each family, and must not count twice
    const first = value.filter((address) => isIP(address) === 4)
    return {
      value: (first.length > 0 ? first : value).map((address) => ({ origin, addresses: [address], byAddress: true })),
      ttl,
    }
  }
}

const byOrigin = (a: TargetPlace, b: TargetPlace): number => (a.origin < b.origin ? -1 : 1)
