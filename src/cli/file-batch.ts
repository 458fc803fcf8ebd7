import { randomUUID } from 'node:crypto'
import { existsSync, linkSync, lstatSync, mkdirSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { readFailure } from '../schema/data-file.ts'
import { CommandFailure } from './failure.ts'

export interface NewFile {
  /** Absolute path. */
  path: string
  content: string
}

const shown = (path: string): string => relative(process.cwd(), path)
/** Returns false when the path cannot be read. Creating the folder later reports the reason. */
function isThere(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined
  } catch {
    return false
  }
}

/** @throws CommandFailure when a file exists already and `force` is not set */
export function refuseTaken(files: readonly Pick<NewFile, 'path'>[], force: boolean): void {
  const taken = files.filter(({ path }) => isThere(path)).map(({ path }) => shown(path))
  if (taken.length > 0 && !force) {
    throw new CommandFailure(
      `${taken.join(', ')} ${taken.length === 1 ? 'is' : 'are'} there already: choose another --name, or replace with --force`,
    )
  }
}

/**
 * Writes all files or none: when one fails, the others are removed again. No file is ever visible half written.
 * @param files  written in this order
 * @param force  whether to replace existing files
 * @throws CommandFailure
 */
export function writeFiles(files: readonly NewFile[], force: boolean): void {
  refuseTaken(files, force)
  const undo: (() => void)[] = []
  const drafts: string[] = []
  const replaced: string[] = []
  try {
    const ready = files.map(({ path, content }) => {
      makeFolder(dirname(path), undo)
      // the gateway ignores names that begin with a dot
      const draft = join(dirname(path), `.${basename(path)}.${randomUUID()}`)
      drafts.push(draft)
      undo.push(() => rmSync(draft, { force: true }))
      writeFileSync(draft, content, { flag: 'wx' })
      return { path, draft }
    })
    for (const { path, draft } of ready) {
      if (force && isThere(path)) {
        const old = `${draft}.old`
        renameSync(path, old)
        replaced.push(old)
        undo.push(() => renameSync(old, path))
      }
      // do not replace a file that was created in the meantime
      linkSync(draft, path)
      undo.push(() => rmSync(path))
    }
  } catch (error) {
    for (const step of undo.reverse()) attempt(step)
    throw new CommandFailure(`nothing is written: ${readFailure(error).replace(/^cannot be read: /, '')}`)
  } finally {
    for (const draft of drafts) attempt(() => rmSync(draft, { force: true }))
  }
  for (const old of replaced) attempt(() => rmSync(old, { recursive: true, force: true }))
}

/** Creates a folder and its missing parents. Undoing removes them, except those that contain other files by then. */
function makeFolder(folder: string, undo: (() => void)[]): void {
  if (existsSync(folder)) return
  makeFolder(dirname(folder), undo)
  mkdirSync(folder)
  undo.push(() => rmdirSync(folder))
}

function attempt(step: () => void): void {
  try {
    step()
  } catch {
    // what cannot be removed stays
  }
}
