import { randomBytes } from 'node:crypto'
import type { Cluster, Redis } from 'ioredis'
import {
  type CacheKey,
  type CacheStore,
  outdated,
  type Purge,
  replaces,
  type StillCurrent,
  withResponse,
} from './cache-store.ts'
import { COUNTER, type HeardPurges } from './purge-channel.ts'
import { chunkKey, entryKey, idOf, notesOf, rangeOf, searchFor, shardKeys } from './purge-index.ts'
import { NOTE, PURGE, PUT } from './redis-cache-script.ts'
import { CHUNK, pack, parseHeads, type StoredForm, unpack } from './stored-form.ts'
import type { StoredResponse } from './stored-response.ts'

type Word = string | number | Buffer
type ScriptedRedis = (Redis | Cluster) & {
  gatehouseCachePut(keys: 1 | 2, ...words: Word[]): Promise<number | string>
  gatehouseCachePurge(keys: 1, ...words: Word[]): Promise<number>
  gatehouseCacheNote(keys: 2, ...words: Word[]): Promise<number>
}

/** What stands under a key, before its bodies are fetched; nothing has the version `''`. */
interface Entry {
  version: string
  forms: { form: StoredForm; inline: Buffer | null }[]
  /** When it was purged softly. */
  outdatedAt: number | null
}

/** How many pieces of a body, keys to purge and texts of the index are under way at once. */
const PIECES = 16
const KEYS = 100
const TEXTS = 1000
/** How often another process may come in between. */
const TRIES = 3
/** Seconds that the index outlives what it is about. */
const SLACK = 60
/** Longest version, in characters. */
const VERSION = 16

/**
 * Responses in Redis, for several gateways. The responses of a key are a hash: heads as JSON, and their bodies,
 * compressed, as far as they fit into `CHUNK`; a larger body is in keys of its own, a piece in each. All of it expires
 * when it is of no more use. It fails when Redis does not answer, and what is malformed there is not there.
 */
export class RedisCacheStore implements CacheStore {
  readonly #redis: ScriptedRedis
  readonly #now: () => number
  readonly #purges: HeardPurges | null

  /**
   * @param redis   each of its commands should have a time limit; it belongs to the caller
   * @param purges  what this process has heard of the purges of others; null when there are no others
   */
  constructor(redis: Redis | Cluster, now: () => number = Date.now, purges: HeardPurges | null = null) {
    redis.defineCommand('gatehouseCachePut', { lua: PUT })
    redis.defineCommand('gatehouseCachePurge', { lua: PURGE })
    redis.defineCommand('gatehouseCacheNote', { lua: NOTE })
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
      // the bodies of those alone that stay, or that a part may complete
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

  async purge(purge: Purge): Promise<number> {
    const { shards, beginning, match } = searchFor(purge)
    this.#needRedis()
    let purged = 0
    for (const shard of shards) {
      const [texts] = shardKeys(shard)
      let [from, to] = rangeOf(beginning)
      for (;;) {
        const found = (await this.#redis.zrangebylexBuffer(texts, from, to, 'LIMIT', 0, TEXTS).catch(noneOfOurs)) ?? []
        const ids = found.map((text) => match(text.toString())).filter((id) => id !== null)
        for (let i = 0; i < ids.length; i += KEYS) purged += await this.#purgeKeys(ids.slice(i, i + KEYS), purge)
        if (found.length < TEXTS) break
        from = Buffer.concat([Buffer.from('('), found.at(-1)!])
      }
    }
    return purged
  }

  close(): void {}

  async #purgeKeys(ids: readonly string[], { tag = '', soft, now }: Purge): Promise<number> {
    const done = await Promise.all(
      ids.map((id) => this.#redis.gatehouseCachePurge(1, entryKey(id), tag, soft ? newVersion() : '', now)),
    )
    return done.reduce((sum, count) => sum + count, 0)
  }

  /** @returns null for what is malformed */
  async #read(name: string): Promise<Entry | null> {
    this.#needRedis()
    const fields = await this.#redis.hmgetBuffer(name, 'heads', 'bodies', 'version', 'outdated').catch(noneOfOurs)
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

  /** @returns null when there is nothing, or one of the bodies is not there */
  async #load(name: string, { forms, outdatedAt }: Entry): Promise<StoredResponse[] | null> {
    const loaded: StoredResponse[] = []
    for (const { form, inline } of forms) {
      const body = inline ?? (await this.#pieces(name, form.body.chunks!, form.body.size))
      const response = body && (await unpack(form, body))
      if (!response) return null
      loaded.push(outdatedAt === null ? response : outdated(response, outdatedAt))
    }
    return loaded.length === 0 ? null : loaded
  }

  async #pieces(name: string, id: string, size: number): Promise<Buffer | null> {
    const pieces: Buffer[] = []
    const count = Math.ceil(size / CHUNK)
    while (pieces.length < count) {
      const next = await Promise.all(
        Array.from({ length: Math.min(PIECES, count - pieces.length) }, (_, n) =>
          this.#redis.getBuffer(chunkKey(name, id, pieces.length + n)).catch(noneOfOurs),
        ),
      )
      for (const piece of next) {
        if (piece === null || piece.byteLength > CHUNK) return null
        pieces.push(piece)
      }
    }
    return Buffer.concat(pieces)
  }

  /** @returns whether it is done with: stored, or no longer to be stored. If not, something else has come in between */
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
      for (let i = 0; i < pieces.length; i += PIECES) {
        await Promise.all(pieces.slice(i, i + PIECES).map(({ name, piece }) => this.#redis.set(name, piece, 'PX', ms)))
      }
      // noted before it is there, so that no purge can miss it
      const tags = new Set(responses.flatMap(({ tags }) => tags))
      await this.#note(key, tags, Math.ceil(seconds) + SLACK)
      if (this.#purges !== null && this.#purges.heard === null && !(await this.#purges.caughtUp(0))) return true
      // asked together with the number, since what is heard later has a higher one
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
      // also when Redis is full: what it has of the body is of no use
      if (!isStored) await Promise.all(pieces.map(({ name }) => this.#redis.unlink(name).catch(() => {})))
    }
  }

  /**
   * In a cluster the counter of purges can only be compared afterwards. @returns whether nothing was purged in between
   */
  async #staysStored(id: string, heard: number): Promise<boolean> {
    const purges = await this.#redis.get(COUNTER).catch(() => null)
    if ((purges ?? '0') === String(heard)) return true
    await this.#purgeKeys([id], { soft: false, now: 0 })
    await this.#purges!.caughtUp(Number(purges))
    return false
  }

  async #note(key: CacheKey, tags: Iterable<string>, seconds: number): Promise<void> {
    const byShard = Map.groupBy(notesOf(key, tags), ({ shard }) => shard)
    await Promise.all(
      [...byShard].map(([shard, notes]) =>
        this.#redis.gatehouseCacheNote(2, ...shardKeys(shard), seconds, ...notes.map(({ text }) => text)),
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

/** A value of another type is malformed as well. */
function noneOfOurs(error: Error): null {
  if (error.message.startsWith('WRONGTYPE')) return null
  throw error
}

const newVersion = (): string => randomBytes(12).toString('base64url')
