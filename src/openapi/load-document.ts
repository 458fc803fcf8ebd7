import { isObject, type SchemaObject } from '../contract/json-schema.ts'
import { readFile, realpath } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { BootProblems } from '../errors.ts'
import { readDocumentText } from './document-text.ts'
import { readOperations } from './operation-reader.ts'
import type { ApiDocument } from './types.ts'

/** Where documents are looked for, and what they may reach. */
export interface LoadOptions {
  /** Folder of the documents, absolute. No file outside of it is ever read. */
  folder: string
  /** Names of files in messages are told from here. */
  baseDir: string
  /** Hosts (`schemas.example.com`) and starts of URLs (`https://example.com/schemas/`) that a remote `$ref` may name. Default: none. */
  allow?: readonly string[]
}

/**
 * Reads an API document: Swagger 2.0, OpenAPI 3.0 or 3.1, JSON or YAML.
 * @param reference  a file name from the folder, or an http(s) URL
 * @throws BootProblems with everything that is wrong with it, each with file and line
 */
export async function loadApiDocument (reference: string, { folder, baseDir }: LoadOptions): Promise<ApiDocument> {
  const path = join(folder, reference)
  const name = relative(baseDir, path)
  const refuse = (message: string): never => { throw new BootProblems([{ file: name, field: '', message }]) }
  const real = await realpath(path).catch(() => refuse('cannot be read: no such file'))
  if (!real.startsWith(await realpath(folder) + sep)) refuse('lies outside of the folder of documents')
  const text = readDocumentText(await readFile(real, 'utf8'), name)
  if (!isObject(text.value)) return refuse('is not an OpenAPI document: it holds no object')
  const root: SchemaObject = text.value
  const version: unknown = root.openapi ?? root.swagger
  if (typeof version !== 'string' || !/^(2\.0|3\.[01](\.|$))/.test(version)) return refuse('states no version that is known, allowed: "openapi" 3.0.x or 3.1.x, or "swagger" 2.0')
  const lifted = version.startsWith('3.1') ? root : await lift(root)
  const found = readOperations(lifted)
  const lines = text.linesOf(found.map(({ path, method }) => ['paths', path, method.toLowerCase()]))
  return {
    name, version, root: lifted, notes: [],
    operations: found.map((operation, place) => ({ ...operation, where: `${name}:${lines[place]}` })),
  }
}

async function lift (root: SchemaObject): Promise<SchemaObject> {
  const { upgrade } = await import('@scalar/openapi-upgrader')
  return upgrade(root, '3.1') as SchemaObject
}
