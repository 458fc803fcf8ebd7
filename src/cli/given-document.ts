import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { keywordMistakes } from '../schema/keyword-mistakes.ts'
import { loadApiDocument } from '../openapi/load-document.ts'
import type { ApiDocument } from '../schema/types.ts'
import { CommandFailure } from './failure.ts'

export const isUrl = (reference: string): boolean => /^https?:\/\//i.test(reference)

/** Text that looks like a URL without its scheme. */
const HOST_AND_PATH = /^(?:localhost|[\w-]+(?:\.[\w-]+)+)(?::\d+)?\//i

/** The folder of a URL. Its document may refer only to documents below it. @throws CommandFailure */
export function urlFolder(reference: string): string {
  const url = URL.parse('.', reference)
  if (url === null) {
    throw new CommandFailure(`${JSON.stringify(reference)} is no URL, allowed: http(s)://host/path, or a file`)
  }
  return url.href
}

/**
 * The folder that must contain a document and the files that it refers to: the working directory if the document is
 * below it, else the document's own folder.
 * @throws CommandFailure when there is no such file
 */
export function documentPlace(file: string): { folder: string; name: string } {
  const path = resolve(file)
  if (!existsSync(path)) {
    throw new CommandFailure(
      `${file}: no such file${HOST_AND_PATH.test(file) ? ' (for a URL, put https:// or http:// before it)' : path === file ? '' : ` (looked for ${path})`}`,
    )
  }
  const below = relative(process.cwd(), path)
  return below.startsWith('..') || resolve(below) !== path
    ? { folder: dirname(path), name: basename(path) }
    : { folder: process.cwd(), name: below }
}

/**
 * Loads the API document given to a command: any file, or a URL.
 * @throws BootProblems with all faults of the document
 */
export async function givenDocument(reference: string): Promise<ApiDocument> {
  if (!isUrl(reference)) {
    const { folder, name } = documentPlace(reference)
    return loadApiDocument(name, { folder, baseDir: process.cwd(), schemaMistakes: keywordMistakes })
  }
  // the loader stores fetched documents, which a command does not need
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-document-'))
  try {
    return await loadApiDocument(reference, {
      folder,
      baseDir: process.cwd(),
      allow: [urlFolder(reference)],
      schemaMistakes: keywordMistakes,
    })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
