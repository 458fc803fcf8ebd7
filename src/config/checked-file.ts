import { readFileSync, statSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { relative, resolve } from 'node:path'
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import type { Static, TSchema } from 'typebox'
import { BootProblems } from '../errors.ts'
import { readDataFile, readFailure } from '../schema/data-file.ts'
import { mistakes } from './schema-check.ts'
import { fieldPath } from './schema-wording.ts'

/**
 * Reads a YAML or JSON file that must match a schema.
 * @param shownAs  its name in problems
 * @throws BootProblems with every mistake and its line; no message shows a value that is `writeOnly`
 */
export function readCheckedFile<S extends TSchema>(path: string, shownAs: string, schema: S): Static<S> {
  const { value, linesOf } = readDataFile(path, shownAs)
  // an editor that empties a file before it writes must not be taken at its word
  if (value === null) {
    throw new BootProblems([{ file: shownAs, field: '', message: 'is empty: an empty list is written []' }])
  }
  const found = mistakes(schema, value)
  if (found.length === 0) return value as Static<S>
  throw new BootProblems(
    found.map(({ path, message }) => {
      const line = linesOf([path])[0]
      return { file: line === undefined ? shownAs : `${shownAs}:${line}`, field: fieldPath(path), message }
    }),
  )
}

/**
 * The text of a file.
 * @param shownAs  its name in problems
 * @throws BootProblems when it cannot be read
 */
export function readText(path: string, shownAs: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new BootProblems([{ file: shownAs, field: '', message: `cannot be read: ${readFailure(error)}` }])
  }
}

/**
 * Milliseconds between two looks at a file: a look works everywhere, also where a mount swaps links or tells of no
 * change.
 */
const INTERVAL = 1000

/**
 * Loads a file now, and again whenever it has changed. Once it runs, a file that is broken or gone leaves everything as
 * it was, and the log says so.
 * @param load  reads the file and takes it over; its BootProblems at the first time are the caller's
 * @returns what ends the watching
 */
export function keepLoaded(
  path: string,
  shownAs: string,
  load: () => void,
  log: Pick<FastifyBaseLogger, 'info' | 'error'>,
  interval = INTERVAL,
): () => void {
  // before it is read, so that no change is missed
  let seen = stamp(statSync(path, { bigint: true, throwIfNoEntry: false }))
  load()
  let timer: NodeJS.Timeout
  let stopped = false
  const look = async (): Promise<void> => {
    const now = stamp(await stat(path, { bigint: true }).catch(() => undefined))
    if (stopped) return
    if (now !== seen) {
      seen = now
      try {
        load()
        log.info({ file: shownAs }, 'took over the changed file')
      } catch (error) {
        log.error(
          { file: shownAs, problems: error instanceof BootProblems ? error.problems : String(error) },
          'the changed file is not good: everything stays as it was',
        )
      }
    }
    wait()
  }
  const wait = (): void => {
    timer = setTimeout(look, interval).unref()
  }
  wait()
  return () => {
    stopped = true
    clearTimeout(timer)
  }
}

/**
 * The same for a file that the configuration names, until the gateway closes.
 * @param file  its path, from the folder of the configuration
 * @param load  is told the path, and the name for problems
 */
export function keepFileLoaded(app: FastifyInstance, file: string, load: (path: string, name: string) => void): void {
  const { baseDir } = app.config
  const path = resolve(baseDir, file)
  const name = relative(baseDir, path)
  const stop = keepLoaded(path, name, () => load(path, name), app.log)
  app.addHook('onClose', async () => stop())
}

const stamp = (stats: { ino: bigint; size: bigint; mtimeNs: bigint; ctimeNs: bigint } | undefined): string =>
  stats === undefined ? '' : [stats.ino, stats.size, stats.mtimeNs, stats.ctimeNs].join(' ')
