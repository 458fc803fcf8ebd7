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
 * @throws BootProblems with every mistake and its line; messages never show `writeOnly` values
 */
export function readCheckedFile<S extends TSchema>(path: string, shownAs: string, schema: S): Static<S> {
  const { value, linesOf } = readDataFile(path, shownAs)
  // an editor may empty a file before it writes: do not treat an empty file as valid
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
 * Reads a text file.
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
 * Polling interval for a file, in milliseconds. Polling also works on mounts that swap links or send no change events.
 */
const INTERVAL = 1000

/**
 * Loads a file now, and again whenever it changes. After the first load, a broken or missing file is logged and the
 * previous content stays in use.
 * @param load  reads and applies the file; BootProblems of the first load are thrown to the caller
 * @returns a function that stops the polling
 */
export function keepLoaded(
  path: string,
  shownAs: string,
  load: () => void,
  log: Pick<FastifyBaseLogger, 'info' | 'error'>,
  interval = INTERVAL,
): () => void {
  // look before reading, so that no change is missed
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
 * Like `loadAndWatch`, for a file named in the configuration. Stops when the gateway closes.
 * @param file  its path, relative to the folder of the configuration
 * @param load  gets the absolute path, and the name to use in problems
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
