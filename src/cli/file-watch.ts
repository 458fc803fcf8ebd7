import { existsSync, watch, type FSWatcher } from 'node:fs'
import { basename, dirname, join } from 'node:path'

/** What a running gateway was made of. */
export interface Watched {
  /** The configuration file, if there is one. */
  file: string | undefined
  /** Where a configuration file would be. */
  baseDir: string
  /** Folders that count with everything in them. */
  folders: string[]
}

/** Editors write a file in several steps, milliseconds apart. */
const DEBOUNCE = 50
/**
 * Files that editors put beside the one they save, and what no gateway reads: tests, declarations of types, packages.
 */
const NOT_OURS = /(^|[\\/])(\.|node_modules([\\/]|$))|~$|\.sw[a-z]$|(^|[\\/])4913$|\.d\.m?ts$|\.test\.m?[jt]s$/

/** Whether a file of a watched folder counts. @param name  its path from the folder */
export const isOurs = (name: string): boolean => !NOT_OURS.test(name)

/** Tells once when anything changes in the files that a gateway is made of. */
export class FileWatch {
  readonly #changed: () => void
  #watched: [watched: Watched, imported: readonly string[]] | undefined
  #watchers: FSWatcher[] = []
  #timer: NodeJS.Timeout | undefined

  constructor(changed: () => void) {
    this.#changed = changed
  }

  /**
   * Watches these files, and no longer those before.
   * @param imported  further files: absolute paths
   */
  watch(watched: Watched, imported: readonly string[] = []): void {
    this.#watched = [watched, imported]
    const { file, baseDir, folders } = watched
    this.#stopWatchers()
    for (const folder of folders) {
      this.#add(folder, true, isOurs)
      // it may be made later, or moved away and back: the system watches what is there now, whatever its name will be
      const [parent, name] = nearest(folder)
      this.#add(parent, false, (changed) => changed === name)
    }
    // the folder, not the file: editors put a new file in its place
    this.#add(baseDir, false, (name) => (file ? name === basename(file) : /^gatehouse\.config\.\w+$/.test(name)))
    const byFolder = Map.groupBy(imported, (path) => dirname(path))
    for (const [folder, paths] of byFolder) this.#add(folder, false, (name) => paths.includes(join(folder, name)))
  }

  close(): void {
    this.#watched = undefined
    this.#stopWatchers()
    clearTimeout(this.#timer)
  }

  #stopWatchers(): void {
    for (const watcher of this.#watchers) watcher.close()
    this.#watchers = []
  }

  #add(folder: string, recursive: boolean, counts: (name: string) => boolean): void {
    if (!existsSync(folder)) return
    const watcher = watch(folder, { recursive }, (_event, name) => {
      if (name !== null && !counts(name)) return
      clearTimeout(this.#timer)
      this.#timer = setTimeout(() => {
        // what has come into the place of a folder is another one to the system
        if (this.#watched) this.watch(...this.#watched)
        this.#changed()
      }, DEBOUNCE)
    })
    // a folder that was removed; the check says so to the user
    watcher.on('error', () => watcher.close())
    this.#watchers.push(watcher)
  }
}

/** The nearest folder above that is there, and the name in it that leads to `path`. */
function nearest(path: string): [folder: string, name: string] {
  const folder = dirname(path)
  return existsSync(folder) || folder === path ? [folder, basename(path)] : nearest(folder)
}
