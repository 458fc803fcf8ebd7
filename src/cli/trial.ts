import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import type { Config } from '../config/config-schema.ts'
import { BootProblems, type Problem } from '../errors.ts'
import type { DraftFile } from '../routing/route-files.ts'
import type { NewFile } from './file-batch.ts'

const WHAT_TO_DO =
  'nothing is written, since gatehouse check would refuse it: choose another --name, --prefix or --auth, or mend what is named above'

export interface Trial {
  /** What is wrong without the files; none when all is right with them. */
  before: Problem[]
  /** Operations of the document for which no route could be created, with the reason. */
  unrouted: string[]
}

/**
 * Builds a gateway as if the given files existed, before they are written.
 * @param files  the documents, followed by the upstream file that uses them
 * @param upstream  name of that upstream
 * @throws BootProblems with the problems that these files cause
 */
export async function tryFiles(config: Config, upstream: string, files: readonly NewFile[]): Promise<Trial> {
  const scratch = mkdtempSync(join(tmpdir(), 'gatehouse-try-'))
  try {
    const { problems, warnings } = await built(config, draft(config, files, scratch), upstream)
    const unrouted = warnings.filter((line) => line.includes(': left out: '))
    if (problems.length === 0) return { before: [], unrouted }
    const { problems: before } = await built(config)
    const known = new Set(before.map((problem) => JSON.stringify(problem)))
    const added = problems.filter((problem) => !known.has(JSON.stringify(problem)))
    if (added.length > 0) throw new BootProblems([...added, { file: '', field: '', message: WHAT_TO_DO }])
    return { before, unrouted }
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

/**
 * Writes the files into a separate folder, with the documents at the same depth as they will have in the project.
 */
function draft({ openapi, baseDir }: Config, files: readonly NewFile[], scratch: string): DraftFile {
  const below = relative(baseDir, openapi)
  const documents = join(scratch, below.startsWith('..') ? 'openapi' : below)
  const route = files.at(-1)!
  const path = join(scratch, 'upstream.ts')
  writeFileSync(path, route.content)
  for (const { path, content } of files.slice(0, -1)) {
    const copy = join(documents, relative(openapi, path))
    mkdirSync(dirname(copy), { recursive: true })
    writeFileSync(copy, content)
  }
  return { path, place: route.path, documents: { openapi: documents, baseDir: scratch } }
}

async function built(
  config: Config,
  file?: DraftFile,
  upstream?: string,
): Promise<{ problems: Problem[]; warnings: readonly string[] }> {
  const { buildApp } = await import('../app.ts')
  try {
    const app = await buildApp({ ...config, log: { ...config.log, level: 'silent' } }, undefined, file)
    const { warnings = [] } = [...app.apis].find((api) => api.upstream === upstream) ?? {}
    await app.close()
    return { problems: [], warnings }
  } catch (error) {
    if (error instanceof BootProblems) return { problems: error.problems, warnings: [] }
    throw error
  }
}
