import { readdirSync } from 'node:fs'
import { join, relative } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { CONFIG_ENDINGS } from '../config/config-file.ts'
import { sameDeclarations, takeSnapshot, type Snapshot } from './file-snapshot.ts'
import { FileWatch, isOurs, type Watched } from './file-watch.ts'

/**
 * The files from which a gateway was built: those of its folders, its configuration, and the modules elsewhere that
 * these import.
 */
interface Versions {
  own: Snapshot
  imported: Snapshot
}

const NOTHING: Versions = { own: new Map(), imported: new Map() }

/**
 * The files of the gateway that `--watch` runs. Remembers their state when the serving gateway was built, and reports
 * whether their meaning has changed since.
 */
export class GatewayFiles {
  readonly #watch: FileWatch
  readonly #changedEarly: () => void
  #watched: Watched | undefined
  /** The files as the serving gateway read them. */
  #serving = NOTHING
  /** The files as they were when the latest gateway was started. */
  #tried = NOTHING

  /**
   * @param changed       called after files have been written
   * @param changedEarly  called when a gateway may have read a file before it was written
   */
  constructor(changed: () => void, changedEarly: () => void) {
    this.#watch = new FileWatch(changed)
    this.#changedEarly = changedEarly
  }

  /** Reads the files again. Resolves to whether they mean the same as for the serving gateway. */
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
   * Watches the folders that a starting gateway is about to read.
   * @param since  when that gateway was started
   */
  watch(watched: Watched, since: number): void {
    if (isDeepStrictEqual(this.#watched, watched)) return
    this.#watched = watched
    this.#restart()
    const { own, imported } = this.#tried
    this.#tried = { own: this.#learn(ownFiles(watched), own, since), imported }
  }

  /**
   * Like `watch`, for a gateway that failed to start. Does nothing if folders are watched already: the failed gateway
   * may not know all of its folders.
   */
  watchFaulty(watched: Watched, since: number): void {
    if (this.#watched === undefined) this.watch(watched, since)
  }

  /**
   * Watches the files that a starting gateway has imported, in addition to those of the serving one: a start that
   * failed may not have imported all.
   * @param since  when that gateway was started
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

  /** To be called when the latest gateway has begun to serve. */
  served(): void {
    this.#serving = this.#tried
  }

  close(): void {
    this.#watch.close()
  }

  #restart(): void {
    // with a faulty configuration, the folders are unknown
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

/** The configuration file (or the paths where it could be), and the watched files of the folders. */
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
    // a missing folder has no files
    return []
  }
}
