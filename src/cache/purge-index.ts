import { createHash } from 'node:crypto'
import { type CacheKey, isPurged, nameOf, type Purge } from './cache-store.ts'

/**
 * What responses in Redis are found by for purging: sorted sets of texts, in which those with one beginning stand
 * together. A URL is noted as its path, origin and key, so that a purge without a host finds it too; a tag as tag and
 * key. The texts are dealt out to several sets, so that in a cluster they are not all on one node. The sets never
 * expire as a whole, and a Redis that puts out keys with an expiry only (`volatile-*`) keeps them.
 */
export interface Note {
  shard: number
  text: string
}

/** Version of everything that is stored, in its name. */
export const PREFIX = 'gatehouse:cache:1:'
const SHARDS = 16

/** Names of a part of the index: texts, and when what they are about is over. Both are in one slot. */
export const shardKeys = (shard: number): [texts: string, ends: string] => [
  `${PREFIX}index:{${shard}}`,
  `${PREFIX}ends:{${shard}}`,
]

/** Name of a key, without its content, which may hold secrets; all that belongs to it is in one slot of a cluster. */
export const entryKey = (id: string): string => `${PREFIX}{${id}}`
export const chunkKey = (entry: string, body: string, n: number): string => `${entry}:${body}:${n}`

export const idOf = (key: CacheKey): string => createHash('sha256').update(nameOf(key)).digest('base64url')

/** Under what the responses of a key are noted. */
export function notesOf(key: CacheKey, tags: Iterable<string>): Note[] {
  const id = idOf(key)
  const [origin, path] = splitUrl(key.url)
  return [
    { shard: shardOf(path), text: `u${path}\0${origin}\0${id}` },
    ...[...tags].map((tag) => ({ shard: shardOf(tag), text: `t${tag}\0${id}` })),
  ]
}

/** Where to look for what a purge is about. */
export interface Search {
  shards: number[]
  /** With what the texts begin. */
  beginning: Buffer
  /** @returns the id of a key that is purged; null for any other text, and for what is none of ours */
  match(text: string): string | null
}

export function searchFor(purge: Purge): Search {
  const { tag, url } = purge
  if (tag !== undefined) {
    const beginning = `t${tag}\0`
    return {
      shards: [shardOf(tag)],
      beginning: Buffer.from(beginning),
      match: (text) => validId(text.slice(beginning.length)),
    }
  }
  const [, path] = splitUrl(url ?? purge.prefix!)
  return {
    shards: url !== undefined ? [shardOf(path)] : Array.from({ length: SHARDS }, (_, shard) => shard),
    beginning: Buffer.from(url !== undefined ? `u${path}\0` : `u${path}`),
    match(text) {
      const [own, origin, id, ...more] = text.slice(1).split('\0')
      return id !== undefined && more.length === 0 && isPurged(`${origin}${own}`, purge) ? validId(id) : null
    },
  }
}

/** The bounds of the texts that begin so. */
export const rangeOf = (beginning: Buffer): [from: Buffer, to: Buffer] =>
  // no text has this byte, which UTF-8 has not
  [Buffer.concat([Buffer.from('['), beginning]), Buffer.concat([Buffer.from('('), beginning, Buffer.from([0xff])])]

const validId = (id: string): string | null => (/^[A-Za-z0-9_-]{43}$/.test(id) ? id : null)

/** @returns path `''` for a URL that ends within its host */
function splitUrl(url: string): [origin: string, path: string] {
  if (url.startsWith('/')) return ['', url]
  const scheme = url.indexOf('://')
  const at = scheme === -1 ? -1 : url.indexOf('/', scheme + 3)
  return at === -1 ? [url, ''] : [url.slice(0, at), url.slice(at)]
}

const shardOf = (text: string): number => createHash('sha256').update(text).digest()[0]! % SHARDS
