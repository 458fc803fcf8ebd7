import type { BalancedRequest, Balancer, Candidate } from './balancer.ts'
import { RoundRobin } from './round-robin.ts'
import type { HashKey } from './balancer-schema.ts'
import { cookieValue } from './sticky-session.ts'

/**
 * Sends requests with the same key to the same target (weighted rendezvous hashing). When a target leaves, only its own
 * keys move, to all others by weight; when it returns, they come back. Every process decides alike, since it keeps no
 * state. Requests without a key are balanced in turn.
 */
export class RendezvousHash<T extends Candidate> implements Balancer<T> {
  readonly #keyOf: (request: BalancedRequest) => string | undefined
  readonly #seeds = new WeakMap<T, number>()
  readonly #keyless = new RoundRobin<T>()

  constructor(keyOf: (request: BalancedRequest) => string | undefined) {
    this.#keyOf = keyOf
  }

  select(candidates: readonly T[], request: BalancedRequest): T {
    const key = this.#keyOf(request)
    if (key === undefined || key === '') return this.#keyless.select(candidates)
    const hash = textHash(key)
    let best = candidates[0]!
    let least = Infinity
    for (const candidate of candidates) {
      // an exponential variate for each target: the higher the weight, the lower it tends to be
      const wait = -Math.log(share(hash ^ this.#seed(candidate))) / candidate.weight
      if (wait < least) {
        best = candidate
        least = wait
      }
    }
    return best
  }

  #seed(candidate: T): number {
    let seed = this.#seeds.get(candidate)
    if (seed === undefined) {
      seed = mix(textHash(candidate.id))
      this.#seeds.set(candidate, seed)
    }
    return seed
  }
}

/** A number between 0 and 1 that is always the same for a text, and spread evenly over texts. */
export const stableShare = (text: string): number => share(textHash(text))

const share = (hash: number): number => (mix(hash) + 0.5) / 2 ** 32

/** FNV-1a of the characters. */
function textHash(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash
}

/**
 * The finalizer of MurmurHash3, from 0 to below 2^32: each bit of the input changes half of those of the output. Without
 * it, the hashes of texts that differ only at their end would lie close together.
 */
function mix(hash: number): number {
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

type KeyOf = (request: BalancedRequest) => string | undefined

const FIXED: Record<Extract<HashKey, string>, KeyOf> = {
  address: ({ ip }) => ip,
  consumer: ({ consumer }) => consumer?.id,
  path: ({ raw: { url = '' } }) => {
    const query = url.indexOf('?')
    return query === -1 ? url : url.slice(0, query)
  },
}

/** Compiles `hash` into a function for the key of a request, which is undefined when the request has none. */
export function requestKey(by: HashKey): KeyOf {
  if (typeof by === 'string') return FIXED[by]
  const { cookie, header } = by
  if (cookie !== undefined) return ({ headers }) => cookieValue(headers.cookie, cookie)
  const name = header!.toLowerCase()
  return ({ headers }) => headers[name] as string | undefined
}
