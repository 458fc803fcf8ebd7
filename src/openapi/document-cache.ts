import { hash, randomUUID } from 'node:crypto'
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isObject } from '../schema/json-schema.ts'

/** A fetched text with its validators. */
export interface CachedText {
  url: string
  text: string
  etag?: string
  lastModified?: string
}

/** Most bytes of a cache file: the largest text, with every character escaped. */
const MAX_BYTES = 130 * 1024 * 1024

/** Keeps fetched documents on disk, so that a gateway boots while the service that publishes them is away. */
export class DocumentCache {
  readonly #folder: string

  /** @param folder  created when the first text is saved */
  constructor(folder: string) {
    this.#folder = folder
  }

  #file(url: string): string {
    return join(this.#folder, `${hash('sha256', url, 'hex').slice(0, 32)}.json`)
  }

  /** The text that was fetched from a URL; undefined when there is none, or it cannot be read. */
  async read(url: string): Promise<CachedText | undefined> {
    try {
      const file = this.#file(url)
      const stats = await stat(file)
      if (!stats.isFile() || stats.size > MAX_BYTES) return undefined
      const entry: unknown = JSON.parse(await readFile(file, 'utf8'))
      if (!isObject(entry) || entry.url !== url || typeof entry.text !== 'string') return undefined
      const { text, etag, lastModified } = entry
      return {
        url,
        text,
        ...(typeof etag === 'string' && { etag }),
        ...(typeof lastModified === 'string' && { lastModified }),
      }
    } catch {
      return undefined
    }
  }

  /**
   * Saves a text. Concurrent readers get the whole old text or the whole new one.
   * @throws when the folder cannot be written to
   */
  async write(entry: CachedText): Promise<void> {
    const file = this.#file(entry.url)
    const draft = `${file}.${randomUUID()}.tmp`
    await mkdir(this.#folder, { recursive: true })
    try {
      // URLs may hold secrets
      await writeFile(draft, JSON.stringify(entry), { mode: 0o600, flag: 'wx' })
      await rename(draft, file)
    } catch (error) {
      await rm(draft, { force: true })
      throw error
    }
  }
}
