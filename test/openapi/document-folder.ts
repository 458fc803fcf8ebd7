import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'
import { keywordMistakes } from '../../src/schema/keyword-mistakes.ts'
import { BootProblems } from '../../src/errors.ts'
import { loadApiDocument, type LoadOptions } from '../../src/openapi/load-document.ts'
import type { ApiDocument } from '../../src/schema/types.ts'

/** A folder `openapi` with files, in a folder of its own. */
export function documents(t: TestContext, files: Record<string, string>): LoadOptions {
  const baseDir = mkdtempSync(join(tmpdir(), 'gatehouse-documents-'))
  t.after(() => rmSync(baseDir, { recursive: true }))
  const folder = join(baseDir, 'openapi')
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  return { folder, baseDir, schemaMistakes: keywordMistakes }
}

/** A document of one file. */
export const loadText = (t: TestContext, text: string, name = 'api.yaml'): Promise<ApiDocument> =>
  loadApiDocument(name, documents(t, { [name]: text }))

/** What is wrong with a document, a line for each problem. */
export async function problemsOf(loading: Promise<unknown>): Promise<string[]> {
  try {
    await loading
  } catch (error) {
    if (error instanceof BootProblems) return error.message.split('\n')
    throw error
  }
  return []
}

/** A document of OpenAPI 3.0 with one operation and the schemas given, in the flow style of YAML. */
export const withSchemas = (schemas: string, version = '3.0.3'): string => `openapi: ${version}
info: { title: T, version: '1' }
paths:
  /a: { get: { responses: { '200': { description: ok } } } }
components:
  schemas: ${schemas}
`
