import { hash, randomUUID } from 'node:crypto'
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isObject } from '../schema/json-schema.ts'

/** A fetched text and what the service said about its version. */
export interface CachedText {
  url: string
  text: string
  etag?: string
  lastModified?: string
}

/** Most bytes of a file of the cache: a text of the largest size, with everything in it escaped. */
const MAX_BYTES = 130 * 1024 * 1024

/** Fetched documents on disk, so that a gateway boots while the service that publishes them is away. */
export class DocumentCache {
  readonly #folder: string

  /** @param folder  made when the first text is kept */
  constructor(folder: string) {
    this.#folder = folder
  }

  #file(url: string): string {
    return join(this.#folder, `${hash('sha256', url, 'hex').slice(0, 32)}.json`)
  }

  /** What was fetched from a URL; undefined when there is nothing, or nothing that can be read. */
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
   * Keeps a text; whoever reads meanwhile gets the old one or the new one, whole.
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
