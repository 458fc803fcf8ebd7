import { randomBytes } from 'node:crypto'
import type { Cluster, Redis } from 'ioredis'
import { replaces } from './byte-range.ts'
import type { CacheKey } from './cache-key.ts'
import { type CacheStore, type DatedPurge, softPurged, type StillCurrent, withResponse } from './cache-store.ts'
import { COUNTER, type HeardPurges } from './purge-channel.ts'
import { chunkKey, entryKey, idOf, indexTexts, searchFor, shardKeys } from './purge-index.ts'
import { CHUNK, pack, parseHeads, type StoredForm, unpack } from './redis-cache-format.ts'
import { INDEX, PURGE, PUT } from './redis-cache-script.ts'
import type { StoredResponse } from './stored-response.ts'

type Word = string | number | Buffer
type ScriptedRedis = (Redis | Cluster) & {
  gatehouseCachePut(keys: 1 | 2, ...words: Word[]): Promise<number | string>
  gatehouseCachePurge(keys: 1, ...words: Word[]): Promise<number>
  gatehouseCacheIndex(keys: 2, ...words: Word[]): Promise<number>
}

/** The hash of a key, before the chunks of its bodies are fetched. An absent key has the version `''`. */
interface Entry {
  version: string
  forms: { form: StoredForm; inline: Buffer | null }[]
  /** When it was soft-purged. */
  outdatedAt: number | null
}

/** How many chunks of a body, keys to purge and texts of the index are in flight at once. */
const CHUNKS = 16
const KEYS = 100
const TEXTS = 1000
/** How often to try again when another process writes at the same time. */
const TRIES = 3
/** Seconds for which the index outlives the responses. */
const SLACK = 60
/** Longest version, in characters. */
const VERSION = 16

/**
 * Responses in Redis, for several gateways. The responses of a key are one hash: heads as JSON, and compressed bodies
 * up to `CHUNK` bytes in total. A larger body is split into chunks, each in a key of its own. Everything expires when it
 * is of no more use. Malformed data is treated as absent.
 */
export class RedisCacheStore implements CacheStore {
  readonly #redis: ScriptedRedis
  readonly #now: () => number
  readonly #purges: HeardPurges | null

  /**
   * @param redis   with a time limit for each command; the caller closes it
   * @param purges  which purges of other processes this one has received; null for a single process
   */
  constructor(redis: Redis | Cluster, now: () => number = Date.now, purges: HeardPurges | null = null) {
    redis.defineCommand('gatehouseCachePut', { lua: PUT })
    redis.defineCommand('gatehouseCachePurge', { lua: PURGE })
    redis.defineCommand('gatehouseCacheIndex', { lua: INDEX })
    this.#redis = redis as ScriptedRedis
    this.#now = now
    this.#purges = purges
  }

  async get(key: CacheKey): Promise<readonly StoredResponse[] | null> {
    const name = entryKey(idOf(key))
    const entry = await this.#read(name)
    return entry && (await this.#load(name, entry))
  }

  async add(key: CacheKey, response: StoredResponse, isCurrent?: StillCurrent): Promise<void> {
    const name = entryKey(idOf(key))
    for (let tries = TRIES; tries > 0; tries--) {
      const entry = await this.#read(name)
      // load only bodies that stay, or that may be joined with a part
      const others =
        entry &&
        (await this.#load(name, {
          ...entry,
          forms: entry.forms.filter(
            ({ form }) => response.part !== null || !replaces(response, form as unknown as StoredResponse),
          ),
        }))
      if (await this.#put(key, withResponse(others ?? [], response), entry === null ? '*' : entry.version, isCurrent)) {
        return
      }
    }
  }

  async put(key: CacheKey, responses: readonly StoredResponse[], isCurrent?: StillCurrent): Promise<void> {
    for (let tries = TRIES; tries > 0; tries--) if (await this.#put(key, responses, '*', isCurrent)) return
  }

  async purge(purge: DatedPurge): Promise<number> {
    const { shards, from, to, match } = searchFor(purge)
    this.#needRedis()
    let purged = 0
    for (const shard of shards) {
      const [texts] = shardKeys(shard)
      let next = from
      for (;;) {
        const found =
          (await this.#redis.zrangebylexBuffer(texts, next, to, 'LIMIT', 0, TEXTS).catch(nullIfWrongType)) ?? []
        const ids = found.map((text) => match(text.toString())).filter((id) => id !== null)
        for (let i = 0; i < ids.length; i += KEYS) purged += await this.#purgeKeys(ids.slice(i, i + KEYS), purge)
        if (found.length < TEXTS) break
        next = Buffer.concat([Buffer.from('('), found.at(-1)!])
      }
    }
    return purged
  }

  close(): void {}

  async #purgeKeys(ids: readonly string[], { tag = '', soft, now }: DatedPurge): Promise<number> {
    const done = await Promise.all(
      ids.map((id) => this.#redis.gatehouseCachePurge(1, entryKey(id), tag, soft ? newVersion() : '', now)),
    )
    return done.reduce((sum, count) => sum + count, 0)
  }

  /** @returns null for malformed data */
  async #read(name: string): Promise<Entry | null> {
    this.#needRedis()
    const fields = await this.#redis.hmgetBuffer(name, 'heads', 'bodies', 'version', 'outdated').catch(nullIfWrongType)
    if (fields === null) return null
    const [heads, bodies, versionText, outdatedText] = fields
    if (!heads && !versionText) return { version: '', forms: [], outdatedAt: null }
    if (!heads || !bodies || versionText?.byteLength !== VERSION) return null
    const forms = parseHeads(heads, this.#now())
    const outdatedAt = outdatedText ? Number(outdatedText.toString()) : null
    if (forms === null || Number.isNaN(outdatedAt)) return null
    let at = 0
    const placed = forms.map((form) => {
      if (form.body.chunks !== null) return { form, inline: null }
      const start = at
      at += form.body.size
      return { form, inline: bodies.subarray(start, at) }
    })
    return at === bodies.byteLength ? { version: versionText.toString(), forms: placed, outdatedAt } : null
  }

  /** @returns null when there is no response, or a chunk is missing */
  async #load(name: string, { forms, outdatedAt }: Entry): Promise<StoredResponse[] | null> {
    const loaded: StoredResponse[] = []
    for (const { form, inline } of forms) {
      const body = inline ?? (await this.#chunks(name, form.body.chunks!, form.body.size))
      const response = body && (await unpack(form, body))
      if (!response) return null
      loaded.push(outdatedAt === null ? response : softPurged(response, outdatedAt))
    }
    return loaded.length === 0 ? null : loaded
  }

  async #chunks(name: string, id: string, size: number): Promise<Buffer | null> {
    const chunks: Buffer[] = []
    const count = Math.ceil(size / CHUNK)
    while (chunks.length < count) {
      const next = await Promise.all(
        Array.from({ length: Math.min(CHUNKS, count - chunks.length) }, (_, n) =>
          this.#redis.getBuffer(chunkKey(name, id, chunks.length + n)).catch(nullIfWrongType),
        ),
      )
      for (const chunk of next) {
        if (chunk === null || chunk.byteLength > CHUNK) return null
        chunks.push(chunk)
      }
    }
    return Buffer.concat(chunks)
  }

  /** @returns false when another process interfered and the caller must try again; else it is stored, or purged */
  async #put(
    key: CacheKey,
    responses: readonly StoredResponse[],
    expected: string,
    isCurrent: StillCurrent = () => true,
  ): Promise<boolean> {
    this.#needRedis()
    const id = idOf(key)
    const name = entryKey(id)
    const packed = await pack(responses, this.#now())
    if (packed === null) {
      await this.#purgeKeys([id], { soft: false, now: 0 })
      return true
    }
    const { heads, bodies, chunked, seconds } = packed
    const ms = Math.ceil(seconds * 1000)
    const pieces = chunked.flatMap(({ id, body }) =>
      Array.from({ length: Math.ceil(body.byteLength / CHUNK) }, (_, n) => ({
        name: chunkKey(name, id, n),
        piece: body.subarray(n * CHUNK, (n + 1) * CHUNK),
      })),
    )
    let isStored = false
    try {
      for (let i = 0; i < pieces.length; i += CHUNKS) {
        await Promise.all(pieces.slice(i, i + CHUNKS).map(({ name, piece }) => this.#redis.set(name, piece, 'PX', ms)))
      }
      // indexed before it is stored, so that no purge can miss it
      const tags = new Set(responses.flatMap(({ tags }) => tags))
      await this.#index(key, tags, Math.ceil(seconds) + SLACK)
      if (this.#purges !== null && this.#purges.heard === null && !(await this.#purges.caughtUp(0))) return true
      // in the same turn as the number is read: later purges have higher numbers
      if (!isCurrent()) return true
      const heard = this.#purges === null ? 0 : this.#purges.heard!
      const chunks = chunked.map(({ id, body }) => `${id} ${Math.ceil(body.byteLength / CHUNK)}`).join(' ')
      const keys = this.#purges === null || this.#redis.isCluster ? [name] : [name, COUNTER]
      const words = [expected, newVersion(), heads, bodies, chunks, ms, heard, ...tags]
      const stored = await this.#redis.gatehouseCachePut(keys.length as 1 | 2, ...keys, ...words)
      isStored = stored === 1
      if (isStored) return this.#purges === null || !this.#redis.isCluster || (await this.#staysStored(id, heard))
      if (typeof stored === 'string') await this.#purges!.caughtUp(Number(stored))
      return false
    } finally {
      // also when Redis is full: a partial body is of no use
      if (!isStored) await Promise.all(pieces.map(({ name }) => this.#redis.unlink(name).catch(() => {})))
    }
  }

  /** In a cluster the counter of purges can only be compared afterwards. @returns false after a purge in between */
  async #staysStored(id: string, heard: number): Promise<boolean> {
    const purges = await this.#redis.get(COUNTER).catch(() => null)
    if ((purges ?? '0') === String(heard)) return true
    await this.#purgeKeys([id], { soft: false, now: 0 })
    await this.#purges!.caughtUp(Number(purges))
    return false
  }

  async #index(key: CacheKey, tags: Iterable<string>, seconds: number): Promise<void> {
    const byShard = Map.groupBy(indexTexts(key, tags), ({ shard }) => shard)
    await Promise.all(
      [...byShard].map(([shard, texts]) =>
        this.#redis.gatehouseCacheIndex(2, ...shardKeys(shard), seconds, ...texts.map(({ text }) => text)),
      ),
    )
  }

  #needRedis(): void {
    const { status } = this.#redis
    if (status === 'ready') return
    if (status === 'wait') this.#redis.connect().catch(() => {})
    throw new Error('Redis is away')
  }
}

/** A value of another type is malformed data. */
function nullIfWrongType(error: Error): null {
  if (error.message.startsWith('WRONGTYPE')) return null
  throw error
}

const newVersion = (): string => randomBytes(12).toString('base64url')
