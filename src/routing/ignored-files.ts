import { readdir } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { CONFIG_ENDINGS } from '../config/config-file.ts'
import { displayName, isLeftOut, ROUTE_ENDINGS } from './route-files.ts'

/** Endings of modules and data files, whether Gatehouse reads them or not. */
const LOOKS_MEANT = /\.(?:[cm]?[jt]sx?|ya?ml|json[5c]?|toml)$/i

/** Most files named in one note. */
const MOST_NAMED = 5

/**
 * Notes on files that look like upstream files or configurations but are not read.
 * @param folder  the folder of the upstream files
 * @param cwd     the folder that was searched for a configuration; undefined when one was found
 */
export async function passedOverNotes(folder: string, cwd: string | undefined): Promise<string[]> {
  const notes: string[] = []
  const configs = cwd === undefined ? [] : await misnamedConfigs(cwd)
  if (configs.length > 0) {
    notes.push(
      `${named(configs)} not read: a configuration is gatehouse.config with the ending ${CONFIG_ENDINGS.join(', ')}, or what --config names`,
    )
  }
  const files = (await readdir(folder, { withFileTypes: true, recursive: true }).catch(() => []))
    .filter(
      (entry) =>
        !entry.isDirectory() &&
        LOOKS_MEANT.test(entry.name) &&
        !ROUTE_ENDINGS.some((ending) => entry.name.endsWith(ending)),
    )
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !isLeftOut(relative(folder, path)))
  if (files.length > 0) {
    notes.push(
      `${named(files.map(displayName).sort())} not read: an upstream file ends with ${ROUTE_ENDINGS.join(', ')}`,
    )
  }
  return notes
}

const misnamedConfigs = async (cwd: string): Promise<string[]> =>
  (await readdir(cwd).catch(() => []))
    .filter((name) => /^gatehouse(?:\.config)?\.\w+$/i.test(name) && LOOKS_MEANT.test(name))
    .sort()

function named(files: readonly string[]): string {
  const shown = files.length > MOST_NAMED ? [...files.slice(0, MOST_NAMED), `${files.length - MOST_NAMED} more`] : files
  return shown.length === 1 ? `${shown[0]} is` : `${shown.slice(0, -1).join(', ')} and ${shown.at(-1)} are`
}
