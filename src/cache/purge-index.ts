import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { type CacheKey, digest, nameOf } from './cache-key.ts'
import { isPurged, type Purge } from './purge.ts'

/** Most tags of one response, and the longest in characters. */
const MOST_TAGS = 100
const LONGEST_TAG = 200

/** The tags of a response: `Cache-Tag` (separated by commas) and `Surrogate-Key` (separated by spaces). */
export function tagsOf({ 'cache-tag': tags, 'surrogate-key': keys }: IncomingHttpHeaders): string[] {
  return [...String(tags ?? '').split(','), ...String(keys ?? '').split(/\s+/)]
    .map((tag) => tag.trim())
    .filter((tag) => tag !== '' && tag.length <= LONGEST_TAG)
    .slice(0, MOST_TAGS)
}

interface Indexed {
  readonly key: CacheKey
  readonly responses: readonly { readonly tags: readonly string[] }[]
}

/** Finds entries in memory by what a purge names: tag, URL or prefix. */
export class PurgeIndex<Entry extends Indexed> {
  readonly #byUrl = new Map<string, Set<Entry>>()
  readonly #byTag = new Map<string, Set<Entry>>()

  add(entry: Entry): void {
    for (const [index, key] of this.#placesOf(entry)) {
      const entries = index.get(key)
      if (entries === undefined) index.set(key, new Set([entry]))
      else entries.add(entry)
    }
  }

  delete(entry: Entry): void {
    for (const [index, key] of this.#placesOf(entry)) {
      const entries = index.get(key)
      entries?.delete(entry)
      if (entries?.size === 0) index.delete(key)
    }
  }

  find(purge: Purge): Entry[] {
    const { tag, url } = purge
    if (tag !== undefined) return [...(this.#byTag.get(tag) ?? [])]
    if (url !== undefined && !url.startsWith('/')) return [...(this.#byUrl.get(url) ?? [])]
    return [...this.#byUrl].filter(([url]) => isPurged(url, purge)).flatMap(([, entries]) => [...entries])
  }

  *#placesOf({ key, responses }: Entry): Generator<[index: Map<string, Set<Entry>>, key: string]> {
    yield [this.#byUrl, key.url]
    for (const { tags } of responses) for (const tag of tags) yield [this.#byTag, tag]
  }
}

/**
 * The index in Redis: sorted sets of texts, in which texts with the same beginning stand together. The text of a URL is
 * its path, origin and key, so that a purge without a host finds it; the text of a tag is tag and key. The texts are
 * spread over several sets, so that a cluster does not hold all of them on one node. The sets never expire, so a Redis
 * with the policy `volatile-*` does not evict them.
 */
export interface IndexText {
  shard: number
  text: string
}

/** Begins the name of everything that is stored; has the version of the format. */
export const PREFIX = 'gatehouse:cache:1:'
const SHARDS = 16

/** Names of one shard: its texts, and when each of them expires. Both are in one slot of a cluster. */
export const shardKeys = (shard: number): [texts: string, ends: string] => [
  `${PREFIX}index:{${shard}}`,
  `${PREFIX}ends:{${shard}}`,
]

/** Name of a key, by its digest because the key may hold secrets. All that belongs to it is in one slot. */
export const entryKey = (id: string): string => `${PREFIX}{${id}}`
export const chunkKey = (entry: string, body: string, n: number): string => `${entry}:${body}:${n}`

export const idOf = (key: CacheKey): string => digest(nameOf(key))

/** The texts by which the responses of a key are found. */
export function indexTexts(key: CacheKey, tags: Iterable<string>): IndexText[] {
  const id = idOf(key)
  const [origin, path] = splitUrl(key.url)
  return [
    { shard: shardOf(path), text: `u${path}\0${origin}\0${id}` },
    ...[...tags].map((tag) => ({ shard: shardOf(tag), text: `t${tag}\0${id}` })),
  ]
}

/** Where to look for the keys that a purge names. */
export interface IndexSearch {
  shards: number[]
  /** Bounds of the texts with the right beginning. */
  from: Buffer
  to: Buffer
  /** @returns the id of a purged key; null for any other text, malformed ones included */
  match(text: string): string | null
}

export function searchFor(purge: Purge): IndexSearch {
  const { tag, url } = purge
  if (tag !== undefined) {
    const beginning = `t${tag}\0`
    return {
      shards: [shardOf(tag)],
      ...boundsOf(beginning),
      match: (text) => validId(text.slice(beginning.length)),
    }
  }
  const [, path] = splitUrl(url ?? purge.prefix!)
  return {
    shards: url !== undefined ? [shardOf(path)] : Array.from({ length: SHARDS }, (_, shard) => shard),
    ...boundsOf(url !== undefined ? `u${path}\0` : `u${path}`),
    match(text) {
      const [own, origin, id, ...more] = text.slice(1).split('\0')
      return id !== undefined && more.length === 0 && isPurged(`${origin}${own}`, purge) ? validId(id) : null
    },
  }
}

/** The bounds of all texts with this beginning, for ZRANGEBYLEX. 0xff does not occur in UTF-8. */
const boundsOf = (beginning: string): { from: Buffer; to: Buffer } => ({
  from: Buffer.from(`[${beginning}`),
  to: Buffer.concat([Buffer.from(`(${beginning}`), Buffer.from([0xff])]),
})

const validId = (id: string): string | null => (/^[A-Za-z0-9_-]{43}$/.test(id) ? id : null)

/** @returns path `''` for a URL that ends within its host */
function splitUrl(url: string): [origin: string, path: string] {
  if (url.startsWith('/')) return ['', url]
  const scheme = url.indexOf('://')
  const at = scheme === -1 ? -1 : url.indexOf('/', scheme + 3)
  return at === -1 ? [url, ''] : [url.slice(0, at), url.slice(at)]
}

const shardOf = (text: string): number => createHash('sha256').update(text).digest()[0]! % SHARDS
