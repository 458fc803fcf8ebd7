import type { IncomingHttpHeaders } from 'node:http'
import { stableShare } from '../balancing/rendezvous-hash.ts'
import type { Condition, SplitDeclaration } from './split-schema.ts'

/** The parts of a request that decide its version. */
export interface SplitRequest {
  id: string
  ip: string
  headers: IncomingHttpHeaders
  consumer: { id: string; groups: readonly string[] } | null
}

type Fits = (request: SplitRequest) => boolean

/**
 * Chooses the version of a service for a request (a canary): by a condition, or by a stable share. All attempts of a
 * request get the same version.
 */
export class VersionSplit {
  /** Whether a request fails when its version has no target, instead of getting another version. */
  readonly strict: boolean
  readonly #conditions: readonly { version: string; fits: Fits }[]
  readonly #shares: readonly { version: string; weight: number }[]
  readonly #keyOf: (request: SplitRequest) => string

  /** @param name  of the upstream, so that each upstream gives its canary to other consumers */
  constructor(name: string, { versions, by = 'consumer', strict = false }: SplitDeclaration) {
    this.strict = strict
    const entries = Object.entries(versions)
    this.#conditions = entries.flatMap(([version, { when }]) =>
      when === undefined ? [] : [{ version, fits: compile(when) }],
    )
    this.#shares = entries.flatMap(([version, { weight = 0 }]) => (weight > 0 ? [{ version, weight }] : []))
    this.#keyOf =
      by === 'request'
        ? ({ id }) => `${name} ${id}`
        : ({ consumer, ip }) =>
            by === 'consumer' && consumer !== null ? `${name} c ${consumer.id}` : `${name} a ${ip}`
  }

  versionOf(request: SplitRequest): string {
    for (const { version, fits } of this.#conditions) if (fits(request)) return version
    return this.#shared(this.#keyOf(request))
  }

  /** Weighted rendezvous hashing: a version whose weight grows gets new keys, and keeps those that it has. */
  #shared(key: string): string {
    let chosen = this.#shares[0]!.version
    let most = -1
    for (const { version, weight } of this.#shares) {
      const score = weight / -Math.log(stableShare(`${version} ${key}`))
      if (score > most) {
        most = score
        chosen = version
      }
    }
    return chosen
  }
}

function compile({ headers = {}, cookies = {}, consumers, groups }: Condition): Fits {
  const wanted = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value] as const)
  const crumbs = Object.entries(cookies).map(([name, value]) => `${name}=${value}`)
  return ({ headers, consumer }) => {
    for (const [name, value] of wanted) if (headers[name] !== value) return false
    for (const crumb of crumbs) if (!hasCookie(headers.cookie, crumb)) return false
    if (consumers !== undefined && (consumer === null || !consumers.includes(consumer.id))) return false
    return groups === undefined || (consumer !== null && groups.some((group) => consumer.groups.includes(group)))
  }
}

const hasCookie = (header: string | undefined, crumb: string): boolean =>
  header !== undefined && header.includes(crumb) && header.split(';').some((pair) => pair.trim() === crumb)
