import { isObject, type SchemaObject } from '../../schema/json-schema.ts'
import { followReference } from '../local-reference.ts'
import { pointedSchema, schemaSample, statedExamples } from './mock-body.ts'
import type { ApiResponse } from '../../schema/types.ts'

/** Headers that say how a message is framed and coded: the mock's own message is another one. */
const FRAMING = new Set([
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'date',
  'keep-alive',
  'proxy-authenticate',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'x-gatehouse-mock',
])
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
const VALUE = /^[\t\x20-\x7E\x80-\xFF]*$/

/** The headers of a response, each from its example, else its schema. What no header can carry is left out. */
export function mockHeaders(root: SchemaObject, object: SchemaObject, response: ApiResponse): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const { name, explode, schemaPointer } of response.headers) {
    if (FRAMING.has(name.toLowerCase()) || !NAME.test(name) || name === '__proto__') continue
    const stated = statedExamples(root, followReference(root, object.headers?.[name], '')?.object ?? {})
    const value =
      stated.size > 0 ? stated.values().next().value : schemaSample(root, pointedSchema(root, schemaPointer))
    const text = value === undefined || value === null ? undefined : simpleForm(value, explode)
    if (text !== undefined && VALUE.test(text)) headers[name] = text
  }
  return headers
}

/** Style `simple` (OpenAPI 3.1, section 4.8.12.2). */
function simpleForm(value: unknown, explode: boolean): string {
  if (Array.isArray(value)) return value.map(String).join(',')
  if (isObject(value)) {
    return Object.entries(value)
      .map(([name, part]) => (explode ? `${name}=${part}` : `${name},${part}`))
      .join(',')
  }
  return String(value)
}
