import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { findConfigFile } from '../config/config-file.ts'
import { ConfigProblems } from '../config/load-config.ts'
import { BootProblems } from '../errors.ts'
import type { ConfigOptions } from './command-config.ts'
import type { Watched } from './file-watch.ts'

/** Where a problem has come from that no change of a file can mend: an option, or the environment. */
const FIXED = /^(--|GATEHOUSE_)/

/**
 * What to watch after a gateway could not start, so that it starts once the mistakes are mended.
 * @returns undefined when it takes another command line or environment, or when the reason is none of files
 */
export function mendableFiles(error: unknown, options: ConfigOptions): Watched | undefined {
  if (!(error instanceof BootProblems) || error.problems.some(({ file }) => FIXED.test(file))) return undefined
  const file = configFile(options)
  const folders = error instanceof ConfigProblems && error.folders ? [error.folders.routes, error.folders.openapi] : []
  const baseDir = file === undefined ? process.cwd() : dirname(file)
  return existsSync(baseDir) ? { file, baseDir, folders } : undefined
}

function configFile({ config }: ConfigOptions): string | undefined {
  try {
    return findConfigFile(process.cwd(), config)
  } catch {
    // there are several, of which one has to go
    return undefined
  }
}
