import { createHash } from 'node:crypto'
import type { Cluster, Redis } from 'ioredis'
import { type CacheKey, type CacheStore, isPurged, outdated, type Purge } from './cache-store.ts'
import { pack, unpack } from './response-record.ts'
import { canBeValidated } from './validators.ts'
import { freshFor, type StoredResponse } from './stored-response.ts'

/** No command carries more of a body than this. Bytes. */
const CHUNK = 256 * 1024
/** Largest sum of bodies under one key; the oldest responses go first. */
const LARGEST = 16 * 1024 * 1024
/** How long a response that can be validated is kept once it is stale. Milliseconds. */
const VALIDATED_TIME = 6 * 3600_000
const LONGEST_TIME = 30 * 24 * 3600_000

const PREFIX = 'gatehouse:cache:'
/** The lists stand in one slot of a cluster, apart from the responses. */
const URLS = `${PREFIX}{index}:urls`
const EXPIRY = `${PREFIX}{index}:expiry`
const tagKey = (tag: string): string => `${PREFIX}{index}:tag:${tag}`
/** How many names are looked at in one go. */
const BATCH = 500

/**
 * Responses in Redis, which all gateways of a fleet share. A key is a hash: `records`, and the bodies in pieces. Two sorted sets list
 * what there is, for purging, and a set each tag.
 */
export class RedisResponseStore implements CacheStore {
  readonly #client: Redis | Cluster

  constructor (client: Redis | Cluster) {
    this.#client = client
  }

  async get (key: CacheKey): Promise<readonly StoredResponse[] | null> {
    const fields = await this.#client.hgetallBuffer(redisKey(nameOf(key)))
    return readFields(fields)
  }

  async put (key: CacheKey, responses: readonly StoredResponse[]): Promise<void> {
    const name = nameOf(key)
    const kept = lastWithin(responses, LARGEST)
    const now = Date.now()
    const time = Math.min(LONGEST_TIME, Math.max(0, ...kept.map((response) => keptFor(response, now))))
    if (time === 0) {
      await this.#forget([name])
      return
    }
    const own = redisKey(name)
    const packed = await Promise.all(kept.map(pack))
    const change = this.#client.multi().del(own)
    packed.forEach(({ body }, i) => {
      for (let at = 0, piece = 0; at < body.byteLength; at += CHUNK, piece++) change.hset(own, `${i}.${piece}`, body.subarray(at, at + CHUNK))
    })
    await all(change.hset(own, 'records', JSON.stringify(packed.map(({ record }) => record))).pexpire(own, Math.ceil(time)).exec())
    const list = this.#client.pipeline().zadd(URLS, 0, name).zadd(EXPIRY, now + time, name)
    for (const tag of new Set(kept.flatMap(({ tags }) => tags))) list.sadd(tagKey(tag), name).pexpire(tagKey(tag), LONGEST_TIME)
    await all(list.exec())
    await this.#forgetExpired(now)
  }

  async purge (purge: Purge): Promise<number> {
    let count = 0
    for await (const names of this.#found(purge)) {
      count += names.length
      if (purge.soft) await Promise.all(names.map((name) => this.#outdate(name, purge.now)))
      else await this.#forget(names)
    }
    if (purge.tag !== undefined && !purge.soft) await this.#client.del(tagKey(purge.tag))
    return count
  }

  /** The connection is another's. */
  close (): void {}

  /** Names that a purge is about, some at a time. */
  async * #found (purge: Purge): AsyncGenerator<string[]> {
    if (purge.tag !== undefined) {
      const names = await this.#client.smembers(tagKey(purge.tag))
      for (let at = 0; at < names.length; at += BATCH) yield names.slice(at, at + BATCH)
      return
    }
    const wanted = purge.url ?? purge.prefix!
    // with the host known, only the names that begin so
    const anywhere = wanted.startsWith('/')
    const beginning = purge.url === undefined ? wanted : `${wanted}\n`
    let from = anywhere ? '-' : `[${beginning}`
    const to = anywhere ? '+' : `[${beginning}\u{10ffff}`
    for (;;) {
      const names = await this.#client.zrangebylex(URLS, from, to, 'LIMIT', 0, BATCH)
      if (names.length === 0) return
      from = `(${names.at(-1)}`
      const found = names.filter((name) => isPurged(name.split('\n', 1)[0]!, purge))
      if (found.length > 0) yield found
    }
  }

  async #outdate (name: string, now: number): Promise<void> {
    const key = redisKey(name)
    const text = await this.#client.hget(key, 'records')
    const fields = text === null ? null : JSON.parse(text) as string[]
    if (fields === null) return
    await this.#client.hset(key, 'records', JSON.stringify(fields.map((record) => JSON.stringify(outdated(JSON.parse(record), now)))))
  }

  async #forget (names: readonly string[]): Promise<void> {
    const change = this.#client.pipeline()
    for (const name of names) change.del(redisKey(name))
    await all(change.exec())
    await all(this.#client.pipeline().zrem(URLS, ...names).zrem(EXPIRY, ...names).exec())
  }

  /** Takes names off the lists whose responses Redis has let go. */
  async #forgetExpired (now: number): Promise<void> {
    const names = await this.#client.zrangebyscore(EXPIRY, '-inf', now, 'LIMIT', 0, BATCH)
    if (names.length > 0) await all(this.#client.pipeline().zrem(URLS, ...names).zrem(EXPIRY, ...names).exec())
  }
}

const nameOf = ({ url, rest }: CacheKey): string => `${url}\n${rest}`
const redisKey = (name: string): string => `${PREFIX}{${createHash('sha256').update(name).digest('base64url').slice(0, 27)}}`

/** Milliseconds for which a response may be of use. */
function keptFor (response: StoredResponse, now: number): number {
  const stale = Math.max(response.staleWhileRevalidate, response.staleIfError) * 1000
  return Math.max(0, freshFor(response, now) * 1000) + Math.max(stale, canBeValidated(response.headers) ? VALIDATED_TIME : 0)
}

/** The latest responses that are not too large together. */
function lastWithin (responses: readonly StoredResponse[], most: number): readonly StoredResponse[] {
  let bytes = 0
  return responses.toReversed().filter(({ body }) => (bytes += body.byteLength) <= most).reverse()
}

async function readFields (fields: Record<string, Buffer>): Promise<readonly StoredResponse[] | null> {
  if (fields.records === undefined) return null
  const records = parsed(fields.records)
  if (!Array.isArray(records) || records.length === 0) return null
  const responses = await Promise.all(records.map((record, i) => {
    const pieces: Buffer[] = []
    for (let piece = 0; fields[`${i}.${piece}`] !== undefined; piece++) pieces.push(fields[`${i}.${piece}`]!)
    return typeof record === 'string' ? unpack(record, Buffer.concat(pieces)) : null
  }))
  return responses.every((response) => response !== null) ? responses : null
}

function parsed (text: Buffer): unknown {
  try {
    return JSON.parse(String(text))
  } catch {
    return null
  }
}

/** A pipeline tells of the errors of its commands in its answer. */
async function all (answers: Promise<[Error | null, unknown][] | null>): Promise<void> {
  for (const [error] of await answers ?? []) if (error !== null) throw error
}
