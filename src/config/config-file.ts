import { existsSync } from 'node:fs'
import { dirname, extname, join, relative, resolve } from 'node:path'
import { BootProblems } from '../errors.ts'
import { readDataFile, type DataFile } from '../schema/data-file.ts'
import { importFile } from './module-file.ts'

/** Allowed extensions of a configuration file. */
export const CONFIG_ENDINGS = ['.ts', '.js', '.mjs', '.yaml', '.yml', '.json'] as const

/** A configuration file as read, before any check. */
export interface ConfigFile extends Pick<DataFile, 'value'> {
  /** Its name as the user would type it. */
  name: string
  /** The folder to which relative paths in it refer. */
  baseDir: string
  /** Returns the line of a field; absent for modules. */
  linesOf?: DataFile['linesOf']
}

/** A path as a user in `cwd` would type it. */
export function shownPath(path: string, cwd: string): string {
  const short = relative(cwd, path)
  return short === '' ? '.' : short.startsWith('..') ? path : short
}

/**
 * Absolute path of the configuration file.
 * @param cwd   the working directory
 * @param file  the requested file; by default the `gatehouse.config.*` in `cwd`
 * @returns undefined when no file was requested and `cwd` has none
 * @throws BootProblems  when `cwd` has several, or the extension is unknown
 */
export function findConfigFile(cwd: string, file?: string): string | undefined {
  if (file !== undefined) {
    if (!(CONFIG_ENDINGS as readonly string[]).includes(extname(file))) {
      throw new BootProblems([
        {
          file,
          field: '',
          message: `is no configuration file, allowed: names that end with ${CONFIG_ENDINGS.join(', ')}`,
        },
      ])
    }
    return resolve(cwd, file)
  }
  const present = CONFIG_ENDINGS.map((ending) => `gatehouse.config${ending}`).filter((name) =>
    existsSync(join(cwd, name)),
  )
  if (present.length > 1) {
    throw new BootProblems([
      {
        file: present[0]!,
        field: '',
        message: `there is ${present.slice(1).join(' and ')} too: keep one of them, or choose with --config`,
      },
    ])
  }
  return present[0] && join(cwd, present[0])
}

/**
 * Reads a configuration file.
 * @throws BootProblems  one problem with file and line when it cannot be read, parsed or run
 */
export async function readConfigFile(path: string, cwd: string): Promise<ConfigFile> {
  const name = shownPath(path, cwd)
  const baseDir = dirname(path)
  if (!/\.(ts|js|mjs)$/.test(path)) {
    const { value, linesOf } = readDataFile(path, name)
    // an empty file, or one with only comments, sets nothing
    return { name, baseDir, value: value === null ? {} : value, linesOf }
  }
  const module = await importFile(path, name)
  if (!('default' in module)) {
    throw new BootProblems([
      { file: name, field: '', message: 'exports no configuration, allowed: export default defineConfig({ ... })' },
    ])
  }
  return { name, baseDir, value: module.default }
}
