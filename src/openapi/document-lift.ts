import type { SchemaObject } from '../schema/json-schema.ts'
import { OPENAPI } from './document-grammar.ts'
import type { DocumentNotes } from './document-origins.ts'
import { walkDocument, wholeDocument } from './document-walk.ts'

/** Keywords that say something about a schema to people, and nothing to a validator. */
const ANNOTATIONS = new Set([
  'title',
  'description',
  'summary',
  'deprecated',
  'default',
  'example',
  'examples',
  'externalDocs',
  'readOnly',
  'writeOnly',
  'xml',
])
const isAnnotation = (keyword: string): boolean => ANNOTATIONS.has(keyword) || keyword.startsWith('x-')

/**
 * Lifts a document of OpenAPI 3.0 to 3.1, in place. Upgraders that go by the names on the way to an object take data
 * for schemas and schemas for data; this one goes by the grammar.
 */
export function liftToThreeOne(root: SchemaObject, notes: DocumentNotes): void {
  root.openapi = '3.1.1'
  walkDocument(OPENAPI, wholeDocument(root), {
    part: ({ kind, value, pointer, holder, key }) => {
      if (kind === 'Schema') {
        if (holder) holder[key] = liftSchema(value, pointer, notes)
      } else if (value.example !== undefined && (kind === 'Parameter' || kind === 'Header' || kind === 'Media')) {
        value.examples ??= { default: { value: value.example } }
        delete value.example
      }
    },
  })
}

function liftSchema(schema: SchemaObject, pointer: string, notes: DocumentNotes): SchemaObject {
  if (typeof schema.$ref === 'string') dropBesideReference(schema, pointer, notes)
  liftBound(schema, 'exclusiveMinimum', 'minimum')
  liftBound(schema, 'exclusiveMaximum', 'maximum')
  if (schema.example !== undefined) {
    schema.examples ??= [schema.example]
    delete schema.example
  }
  const { nullable } = schema
  delete schema.nullable
  const lifted = nullable === true ? allowNull(schema, pointer) : schema
  liftFormat(lifted)
  return lifted
}

/**
 * What stands beside a `$ref` is ignored (OpenAPI 3.0, section 4.7.23); text for people does no harm, and `nullable` is
 * meant.
 */
function dropBesideReference(schema: SchemaObject, pointer: string, notes: DocumentNotes): void {
  for (const keyword of Object.keys(schema)) {
    if (keyword === '$ref' || keyword === 'nullable' || (isAnnotation(keyword) && keyword !== 'default')) continue
    notes.add('what stands beside a "$ref" is ignored, as OpenAPI 3.0 says', pointer)
    delete schema[keyword]
  }
}

function liftBound(schema: SchemaObject, exclusive: string, bound: string): void {
  if (typeof schema[exclusive] !== 'boolean') return
  if (schema[exclusive] && schema[bound] !== undefined) {
    schema[exclusive] = schema[bound]
    delete schema[bound]
  } else delete schema[exclusive]
}

/**
 * A schema that allows null too. A `type` takes it up, and then an `enum` must list it (OpenAPI 3.0.3); where others
 * decide about the value (`$ref`, `allOf` and the like), these keep their say about everything but null.
 */
function allowNull(schema: SchemaObject, pointer: string): SchemaObject {
  const composed = ['$ref', 'allOf', 'anyOf', 'oneOf', 'not'].some((keyword) => keyword in schema)
  if (!composed) {
    if (schema.type !== undefined) schema.type = [...new Set([schema.type, 'null'].flat())]
    // an arm that says nothing else means null, not everything
    else if (/\/(oneOf|anyOf)\/\d+$/.test(pointer) && Object.keys(schema).every(isAnnotation)) schema.type = 'null'
    return schema
  }
  const outside = Object.entries(schema).filter(([keyword]) => isAnnotation(keyword))
  const inside = Object.entries(schema).filter(([keyword]) => !isAnnotation(keyword))
  return { ...Object.fromEntries(outside), anyOf: [Object.fromEntries(inside), { type: 'null' }] }
}

/** Bytes are no JSON text (OpenAPI 3.1, section 4.8.14.3). */
function liftFormat(schema: SchemaObject): void {
  if (![schema.type].flat().includes('string')) return
  if (schema.format === 'binary') {
    delete schema.type
    delete schema.format
    schema.contentMediaType ??= 'application/octet-stream'
  } else if (schema.format === 'base64' || schema.format === 'byte') {
    schema.format = 'byte'
    schema.contentEncoding ??= 'base64'
  }
}
