import { basename, dirname, relative, resolve } from 'node:path'
import { loadApiDocument } from '../openapi/load-document.ts'
import type { ApiDocument } from '../openapi/types.ts'

export const isUrl = (reference: string): boolean => /^https?:\/\//i.test(reference)

/** The folder that a document and its further files may be in: the working directory when it is below, else its own. */
export function documentPlace (file: string): { folder: string, name: string } {
  const path = resolve(file)
  const below = relative(process.cwd(), path)
  return below.startsWith('..') || resolve(below) !== path ? { folder: dirname(path), name: basename(path) } : { folder: process.cwd(), name: below }
}

/**
 * An API document that a command names: a file anywhere, or a URL.
 * @throws BootProblems with everything that is wrong with it
 */
export async function givenDocument (reference: string): Promise<ApiDocument> {
  const { folder, name } = isUrl(reference) ? { folder: process.cwd(), name: reference } : documentPlace(reference)
  return loadApiDocument(name, { folder, baseDir: process.cwd() })
}
