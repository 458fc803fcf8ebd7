import { atPointer } from '../../schema/json-pointer.ts'
import { isObject, type SchemaObject } from '../../schema/json-schema.ts'
import type { ApiResponse } from '../../schema/types.ts'
import { followReference } from '../../schema/local-reference.ts'
import { SampleSchema } from './sample-schema.ts'
import { sampler } from './value-example.ts'

/** The examples of a Media Type, Parameter or Header Object, by name; `''` for `example`, which has none. */
export function statedExamples(root: SchemaObject, object: SchemaObject): Map<string, unknown> {
  const found = new Map<string, unknown>()
  for (const [name, value] of Object.entries(isObject(object.examples) ? object.examples : {})) {
    const example = followReference(root, value, '')?.object
    // an external example is never fetched
    if (example?.value !== undefined) found.set(name, example.value)
  }
  if (object.example !== undefined) found.set('', object.example)
  return found
}

/** Makes a value of bounded size that a schema allows; undefined when it cannot. */
export function schemaSample(root: SchemaObject, schema: unknown): unknown {
  const copy = new SampleSchema(root).of(schema)
  return copy === undefined ? undefined : sampler().sample(copy, { skipWriteOnly: true, quiet: true })
}

/** Makes the body for a media type. @param value  the example; undefined for a sample of the schema */
export function mockBody(root: SchemaObject, type: string, value: unknown, schema: unknown): string | null {
  if (/[/+]xml$/.test(type)) return typeof value === 'string' ? value : xmlBody(root, value, schema)
  const body = value === undefined ? schemaSample(root, schema) : value
  if (body === undefined) return null
  if (/[/+]json$/.test(type)) {
    return typeof body === 'string' && isJsonText(root, body, schema) ? body : JSON.stringify(body)
  }
  if (type === 'application/x-www-form-urlencoded' && isObject(body)) {
    return new URLSearchParams(
      Object.entries(body).map(([name, part]): [string, string] => [name, text(part)]),
    ).toString()
  }
  if (type === 'application/x-ndjson' || type === 'application/jsonl') {
    return (Array.isArray(body) ? body : [body]).map((line) => `${JSON.stringify(line)}\n`).join('')
  }
  if (type === 'text/event-stream' && typeof body !== 'string') return `data: ${JSON.stringify(body)}\n\n`
  return text(body)
}

const text = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value))

/** Whether an example is JSON in a string although the schema allows no string. */
function isJsonText(root: SchemaObject, body: string, schema: unknown): boolean {
  const type: unknown = followReference(root, schema, '')?.object.type
  if (type === undefined || [type].flat().includes('string')) return false
  try {
    JSON.parse(body)
    return true
  } catch {
    return false
  }
}

function xmlBody(root: SchemaObject, value: unknown, schema: unknown): string | null {
  const copy = new SampleSchema(root).of(schema ?? true)
  if (copy === undefined) return null
  try {
    return `<?xml version="1.0" encoding="UTF-8"?>\n${String(sampler().sample(value === undefined ? copy : { ...copy, example: value }, { format: 'xml', skipWriteOnly: true, quiet: true }))}`
  } catch {
    return null
  }
}

/** The schema that a pointer names; undefined without one. */
export const pointedSchema = (root: SchemaObject, pointer: string | null): unknown =>
  pointer === null ? undefined : atPointer(root, pointer)

/** Headers about the framing and coding of a message, which the mock sets for its own message. */
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

/**
 * Makes the headers of a response, each from its example, else its schema. Values that no header can carry are left
 * out.
 */
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
