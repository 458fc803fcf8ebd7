import { randomUUID } from 'node:crypto'
import { existsSync, linkSync, lstatSync, mkdirSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { readFailure } from '../schema/data-file.ts'
import { CommandFailure } from './failure.ts'

export interface NewFile {
  /** Absolute. */
  path: string
  content: string
}

const shown = (path: string): string => relative(process.cwd(), path)
/** What stands in the way of a folder is told when the folder is made. */
function isThere(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined
  } catch {
    return false
  }
}

/** @throws CommandFailure when files are there already, and are not to be replaced */
export function refuseTaken(files: readonly Pick<NewFile, 'path'>[], force: boolean): void {
  const taken = files.filter(({ path }) => isThere(path)).map(({ path }) => shown(path))
  if (taken.length > 0 && !force) {
    throw new CommandFailure(
      `${taken.join(', ')} ${taken.length === 1 ? 'is' : 'are'} there already: choose another --name, or replace with --force`,
    )
  }
}

/**
 * Writes several files, all or none: what fails half-way is undone. Each appears whole.
 * @param files  in the order in which they appear
 * @param force  whether files that are there are replaced
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
      // with a dot in front it is taken neither for a route nor for a document
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
      // a file that has come in between is not replaced
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

/** Folders that are made here go with the files; one that others have put something into stays. */
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
    // what cannot be cleared away is left
  }
}
