import { readFile } from 'node:fs/promises'
import Type, { type Static } from 'typebox'
import { Value } from 'typebox/value'
import { parse } from 'yaml'
import { BootProblems } from '../errors.ts'

const GatewayDocument = Type.Object({
  info: Type.Object({
    title: Type.String(),
    version: Type.String(),
    description: Type.Optional(Type.String()),
  }),
  servers: Type.Optional(Type.Array(Type.Object({ url: Type.String(), description: Type.Optional(Type.String()) }, { additionalProperties: false }))),
  tags: Type.Optional(Type.Array(Type.Object({ name: Type.String(), description: Type.Optional(Type.String()) }, { additionalProperties: false }))),
}, { additionalProperties: false })

/** What stands above all operations: title, description, servers, tags. */
export type GatewayDocument = Static<typeof GatewayDocument>

/** Reads `openapi/gateway.yaml`; without one there is a plain title. @throws BootProblems */
export async function loadGatewayDocument (file: string): Promise<GatewayDocument> {
  let text
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { info: { title: 'Gatehouse', version: '1.0.0' } }
    throw new BootProblems([{ file, field: '', message: `cannot be read (${(error as NodeJS.ErrnoException).code})` }])
  }
  let document: unknown
  try {
    document = parse(text, { maxAliasCount: 100 })
  } catch (error) {
    throw new BootProblems([{ file, field: '', message: (error as Error).message.split('\n')[0]! }])
  }
  const problems = [...Value.Errors(GatewayDocument, document)].map((error) => ({ file, field: error.instancePath.slice(1).replaceAll('/', '.'), message: error.message }))
  if (problems.length > 0) throw new BootProblems(problems)
  return document as GatewayDocument
}
