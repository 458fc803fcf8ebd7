import { existsSync, watch, type FSWatcher } from 'node:fs'
import { basename, dirname, join } from 'node:path'

/** The files and folders from which a gateway is built. */
export interface Watched {
  /** The configuration file, if there is one. */
  file: string | undefined
  /** The folder in which a configuration file is looked for. */
  baseDir: string
  /** Folders that are watched with everything in them. */
  folders: string[]
}

/** Editors write a file in several steps, milliseconds apart. */
const DEBOUNCE = 50
/**
 * Temporary files of editors, and files that the gateway never reads: tests, type declarations, packages.
 */
const NOT_OURS = /(^|[\\/])(\.|node_modules([\\/]|$))|~$|\.sw[a-z]$|(^|[\\/])4913$|\.d\.m?ts$|\.test\.m?[jt]s$/

/** Whether a change to this file of a watched folder matters. @param name  its path from the folder */
export const isOurs = (name: string): boolean => !NOT_OURS.test(name)

/**
 * Calls back when any of the files from which a gateway is built changes; changes in quick succession cause one call.
 */
export class FileWatch {
  readonly #changed: () => void
  #watched: [watched: Watched, imported: readonly string[]] | undefined
  #watchers: FSWatcher[] = []
  #timer: NodeJS.Timeout | undefined

  constructor(changed: () => void) {
    this.#changed = changed
  }

  /**
   * Watches these files instead of the previous ones.
   * @param imported  absolute paths of further files
   */
  watch(watched: Watched, imported: readonly string[] = []): void {
    this.#watched = [watched, imported]
    const { file, baseDir, folders } = watched
    this.#stopWatchers()
    for (const folder of folders) {
      this.#add(folder, true, isOurs)
      // watch its parent as well: the folder may be created later, or replaced, and a watcher follows the folder, not
      // its name
      const [parent, name] = nearest(folder)
      this.#add(parent, false, (changed) => changed === name)
    }
    // watch the folder, not the file: editors replace the file with a new one
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
        // watch again: a folder that was replaced is a different one for the operating system
        if (this.#watched) this.watch(...this.#watched)
        this.#changed()
      }, DEBOUNCE)
    })
    // the folder was removed; the next start of the gateway reports that
    watcher.on('error', () => watcher.close())
    this.#watchers.push(watcher)
  }
}

/** The nearest existing folder above `path`, and the name of its entry on the way to `path`. */
function nearest(path: string): [folder: string, name: string] {
  const folder = dirname(path)
  return existsSync(folder) || folder === path ? [folder, basename(path)] : nearest(folder)
}
