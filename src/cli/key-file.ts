import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { isSeq, parseDocument, YAMLSeq, type Document } from 'yaml'
import { ApiKeyList, type ApiKeyEntry } from '../auth/api-key/api-key-schema.ts'
import { readCheckedFile } from '../config/checked-file.ts'
import { readFailure } from '../schema/data-file.ts'
import { CommandFailure } from './failure.ts'

/** The keys file. Comments in a YAML file are kept, except those above a removed entry. */
export class KeyFile implements KeyStorage {
  readonly shownAs: string
  readonly #path: string

  /** @param shownAs  its name in messages */
  constructor(path: string, shownAs: string) {
    if (!/\.(ya?ml|json)$/.test(path)) {
      throw new CommandFailure(`${shownAs} cannot hold keys, allowed: names that end with .yaml, .yml, .json`)
    }
    // write through a symbolic link instead of replacing it
    this.#path = existsSync(path) ? realpathSync(path) : path
    this.shownAs = shownAs
  }

  async list(): Promise<ApiKeyEntry[]> {
    return existsSync(this.#path) ? readCheckedFile(this.#path, this.shownAs, ApiKeyList) : []
  }

  async add(entry: ApiKeyEntry): Promise<void> {
    await this.#change((list, _entries, document) => list.add(document.createNode(entry)))
  }

  async remove(doomed: readonly ApiKeyEntry[]): Promise<void> {
    const hashes = doomed.map(({ sha256 }) => sha256)
    await this.#change((list, entries) => {
      list.items = list.items.filter((_, i) => !hashes.includes(entries[i]!.sha256))
    })
  }

  async close(): Promise<void> {}

  /** Writes a new file and renames it over the old one, so that no reader sees a half-written file. */
  async #change(edit: (list: YAMLSeq, entries: readonly ApiKeyEntry[], document: Document) => void): Promise<void> {
    const next = `${this.#path}.new`
    let file: number
    try {
      // the new file is also a lock: the second of two concurrent changes fails here
      file = openSync(next, 'wx', 0o600)
    } catch (error) {
      throw (error as NodeJS.ErrnoException).code === 'EEXIST'
        ? new CommandFailure(
            `${this.shownAs} is being changed by somebody else; if not, remove what is left of that: ${next}`,
          )
        : new CommandFailure(`${this.shownAs} cannot be written: ${readFailure(error)}`)
    }
    try {
      const entries = await this.list()
      const document = existsSync(this.#path) ? parseDocument(readFileSync(this.#path, 'utf8')) : parseDocument('[]')
      const list = isSeq(document.contents) ? document.contents : new YAMLSeq()
      edit(list, entries, document)
      list.flow = list.items.length === 0
      writeSync(
        file,
        this.#path.endsWith('.json')
          ? `${JSON.stringify(document.toJS(), null, 2)}\n`
          : document.toString({ lineWidth: 0 }),
      )
      fsyncSync(file)
      if (existsSync(this.#path)) chmodSync(next, statSync(this.#path).mode & 0o777)
      renameSync(next, this.#path)
    } catch (error) {
      rmSync(next, { force: true })
      throw error
    } finally {
      closeSync(file)
    }
  }
}

/** Where `gatehouse key` stores keys. */
export interface KeyStorage {
  /** Its name in messages. */
  readonly shownAs: string
  list(): Promise<ApiKeyEntry[]>
  add(entry: ApiKeyEntry): Promise<void>
  remove(entries: readonly ApiKeyEntry[]): Promise<void>
  close(): Promise<void>
}
