import { hash } from 'node:crypto'
import { constants, open, realpath } from 'node:fs/promises'
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path'
import { BootProblems } from '../errors.ts'
import { parseDocumentText, readFailure } from '../schema/data-file.ts'
import { boundedCopy } from './document-bounds.ts'
import type { DocumentSource } from './document-origins.ts'

/** Most bytes of a document, all of its files together. */
export const MAX_BYTES = 20 * 1024 * 1024
/** Most files of a document. DigitalOcean's, which has one for each schema and example, has about 1,500. */
const MAX_FILES = 5000

/** Why a file cannot be used. The message continues a sentence that starts with its name or reference. */
export class SourceRefused extends Error {}

export interface SourceOptions {
  /** Folder of the documents, absolute. No file outside of it is ever read. */
  folder: string
  /** Messages name files relative to this folder. */
  baseDir: string
  /**
   * Fetches a URL.
   * @param isNamed  whether the operator named the URL, rather than a reference
   * @throws SourceRefused
   */
  fetchText: (url: URL, maxBytes: number, isNamed: boolean) => Promise<string>
  /** Whether a `$ref` may name a URL. */
  isAllowed: (url: URL) => boolean
}

/** Whether a reference or an id is a URL that can be fetched. */
export const isWeb = (reference: string): boolean => /^https?:\/\//i.test(reference)

/** A URL for messages, without query and credentials, which may be secret. */
export const shownUrl = (url: URL): string => `${url.origin}${url.pathname}`

/** The files of one document, each read once, all of them within the bounds. */
export class DocumentSources {
  readonly #options: SourceOptions
  readonly #sources = new Map<string, DocumentSource>()
  #bytesLeft = MAX_BYTES

  constructor(options: SourceOptions) {
    this.#options = options
  }

  /** SHA-256 of each text that was read, by real path or URL. */
  readonly digests = new Map<string, string>()

  /**
   * Reads the file or URL that the operator named.
   * @throws SourceRefused, or BootProblems when it cannot be parsed
   */
  root(reference: string): Promise<DocumentSource> {
    return isWeb(reference) ? this.#remote(webAddress(reference), true) : this.#local(this.#options.folder, reference)
  }

  /**
   * Reads the file that a reference in another file names.
   * @param address  the reference without its fragment
   * @throws SourceRefused, or BootProblems when it cannot be parsed
   */
  async related(address: string, from: DocumentSource): Promise<DocumentSource> {
    if (isWeb(from.id) || isWeb(address)) {
      const url = webAddress(address, isWeb(from.id) ? from.id : undefined)
      if (!this.#options.isAllowed(url)) {
        throw new SourceRefused(
          `names ${shownUrl(url)}, which references may not fetch: add "${url.origin}/" to "openapi.remote", or put a copy into the folder`,
        )
      }
      return this.#remote(url, false)
    }
    if (/^[a-z][a-z\d+.-]*:/i.test(address)) {
      throw new SourceRefused('names neither a file of the folder nor an http or https URL')
    }
    return this.#local(dirname(from.id), decodePath(address))
  }

  async #local(start: string, path: string): Promise<DocumentSource> {
    const { folder, baseDir } = this.#options
    const outside = new SourceRefused(
      `names a file outside ${relative(baseDir, folder) || folder}; only files in that folder are read: move it there`,
    )
    if (isAbsolute(path) || path.includes('\0')) throw outside
    const home = await realpath(folder).catch(() => {
      throw new SourceRefused(`cannot be read: there is no folder ${relative(baseDir, folder) || folder}`)
    })
    const within = (file: string, top: string): boolean => file.startsWith(top.endsWith(sep) ? top : top + sep)
    const wanted = resolve(start, path)
    // checked before the file system is asked, so that nobody can probe for files outside
    if (!within(wanted, home) && !within(wanted, resolve(folder))) throw outside
    const real = await realpath(wanted).catch(unreadable)
    if (!within(real, home)) throw outside
    const known = this.#sources.get(real)
    if (known) return known
    this.#count()
    return this.#keep(
      real,
      join(relative(baseDir, folder), relative(home, real)),
      await readBounded(real, this.#bytesLeft),
    )
  }

  async #remote(url: URL, isNamed: boolean): Promise<DocumentSource> {
    const id = url.href.replace(/#.*$/, '')
    const known = this.#sources.get(id)
    if (known) return known
    this.#count()
    return this.#keep(id, shownUrl(url), await this.#options.fetchText(url, this.#bytesLeft, isNamed))
  }

  #count(): void {
    if (this.#sources.size >= MAX_FILES) {
      throw new SourceRefused(`is one file too many: a document may have ${MAX_FILES}`)
    }
  }

  #keep(id: string, name: string, text: string): DocumentSource {
    this.#bytesLeft -= Buffer.byteLength(text)
    if (this.#bytesLeft < 0) throw tooLarge()
    const { value, linesOf } = parseDocumentText(text, name)
    const source = {
      id,
      name,
      value: boundedCopy(value, (message) => new BootProblems([{ file: name, field: '', message }])),
      linesOf,
    }
    this.#sources.set(id, source)
    this.digests.set(id, digestOf(text))
    return source
  }
}

/** The digest by which two versions of a text are compared. */
export const digestOf = (text: string): string => hash('sha256', text, 'base64')

const tooLarge = (): SourceRefused =>
  new SourceRefused(
    `makes the document larger than ${MAX_BYTES / 1024 / 1024} MiB, all of its files together: split the API, or leave out examples and text`,
  )

function unreadable(error: unknown): never {
  throw new SourceRefused(`cannot be read: ${readFailure(error)}`)
}

/**
 * Reads a regular file up to a bound, even if the file grows meanwhile; pipes and devices are refused.
 * @throws SourceRefused
 */
export async function readBounded(path: string, maxBytes: number): Promise<string> {
  // neither waits for a pipe nor follows a symbolic link that was put there meanwhile
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW).catch(unreadable)
  try {
    const stats = await file.stat()
    if (!stats.isFile()) throw new SourceRefused('cannot be read: it is not a regular file')
    if (stats.size > maxBytes) throw tooLarge()
    const bytes = Buffer.alloc(stats.size)
    let length = 0
    for (let read = -1; read !== 0 && length < bytes.length; length += read) {
      ;({ bytesRead: read } = await file.read(bytes, length, bytes.length - length, length))
    }
    return bytes.toString('utf8', 0, length)
  } finally {
    await file.close()
  }
}

function webAddress(address: string, base?: string): URL {
  const url = URL.parse(address, base)
  if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new SourceRefused('is not a valid http or https URL')
  }
  if (url.username || url.password) {
    throw new SourceRefused(
      'has a user name or password in its URL, which would appear in logs and messages: remove them',
    )
  }
  return url
}

function decodePath(address: string): string {
  try {
    return decodeURIComponent(address)
  } catch {
    return address
  }
}
