import { readdirSync } from 'node:fs'
import { join, relative } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { CONFIG_ENDINGS } from '../config/config-file.ts'
import { sameDeclarations, takeSnapshot, type Snapshot } from './file-snapshot.ts'
import { FileWatch, isOurs, type Watched } from './file-watch.ts'

/** What a gateway was made of: files of its folders, its configuration, and modules elsewhere that these import. */
interface Versions {
  own: Snapshot
  imported: Snapshot
}

const NOTHING: Versions = { own: new Map(), imported: new Map() }

/**
 * The files of the gateway that `--watch` runs. Remembers what they were when the gateway was made that serves now, and
 * tells whether they declare something else today.
 */
export class GatewayFiles {
  readonly #watch: FileWatch
  readonly #changedEarly: () => void
  #watched: Watched | undefined
  /** Of the gateway that serves. */
  #serving = NOTHING
  /** When the last gateway was started. */
  #tried = NOTHING

  /**
   * @param changed       called after files have been written
   * @param changedEarly  called when a gateway may have read a file before it was written
   */
  constructor(changed: () => void, changedEarly: () => void) {
    this.#watch = new FileWatch(changed)
    this.#changedEarly = changedEarly
  }

  /** Looks at the files. Resolves to whether they declare what those of the gateway did that serves. */
  async unchanged(): Promise<boolean> {
    const { own, imported } = this.#serving
    this.#tried = {
      own: takeSnapshot(this.#watched ? ownFiles(this.#watched) : [], own),
      imported: takeSnapshot(imported.keys(), imported),
    }
    const { own: ownNow, imported: importedNow } = this.#tried
    if (!(await sameDeclarations(own, ownNow)) || !(await sameDeclarations(imported, importedNow))) return false
    this.#serving = this.#tried
    return true
  }

  /**
   * Watches the folders of a gateway that is about to read them.
   * @param since  when it was started
   */
  watch(watched: Watched, since: number): void {
    if (isDeepStrictEqual(this.#watched, watched)) return
    this.#watched = watched
    this.#restart()
    const { own, imported } = this.#tried
    this.#tried = { own: this.#learn(ownFiles(watched), own, since), imported }
  }

  /**
   * The same, of a gateway that has found mistakes. What another one has named stays, since this may not have come to
   * all.
   */
  watchFaulty(watched: Watched, since: number): void {
    if (this.#watched === undefined) this.watch(watched, since)
  }

  /**
   * Watches the files that a gateway has imported, and still those of the one that serves: it may not have come to all.
   * @param since  when it was started
   */
  watchImported(files: readonly string[], since: number): void {
    const { own, imported } = this.#tried
    this.#tried = {
      own,
      imported: this.#learn(
        files.filter((path) => !own.has(path)),
        imported,
        since,
      ),
    }
    this.#restart()
  }

  /** The gateway that was started last serves. */
  served(): void {
    this.#serving = this.#tried
  }

  close(): void {
    this.#watch.close()
  }

  #restart(): void {
    // a configuration with a mistake names no folders
    if (this.#watched === undefined) return
    const imported = new Set([...this.#serving.imported.keys(), ...this.#tried.imported.keys()])
    this.#watch.watch(this.#watched, [...imported])
  }

  #learn(paths: readonly string[], known: Snapshot, since: number): Snapshot {
    const added = takeSnapshot(paths.filter((path) => !known.has(path)))
    for (const { writtenAt } of added.values()) if (writtenAt > since) this.#changedEarly()
    return new Map(paths.map((path) => [path, known.get(path) ?? added.get(path)!]))
  }
}

/** The configuration file, or where it could be, and the files of the folders that count. */
function ownFiles({ file, baseDir, folders }: Watched): string[] {
  const configuration =
    file === undefined ? CONFIG_ENDINGS.map((ending) => join(baseDir, `gatehouse.config${ending}`)) : [file]
  return [...new Set([...configuration, ...folders.flatMap(filesBelow)])]
}

function filesBelow(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => !entry.isDirectory())
      .map((entry) => join(entry.parentPath, entry.name))
      .filter((path) => isOurs(relative(folder, path)))
  } catch {
    // a folder that is not there has no files
    return []
  }
}
