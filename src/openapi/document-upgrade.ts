import type { SchemaObject } from '../schema/json-schema.ts'
import { OPENAPI } from './document-grammar.ts'
import type { DocumentNotes } from './document-origins.ts'
import { walkDocument, wholeDocument } from './document-walk.ts'

/** Keywords that are documentation only: a validator ignores them. */
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
 * Upgrades a document of OpenAPI 3.0 to 3.1, in place. It follows the grammar of documents. Upgraders that guess from
 * field names mistake examples for schemas, and schemas for examples.
 */
export function upgradeToThreeOne(root: SchemaObject, notes: DocumentNotes): void {
  root.openapi = '3.1.1'
  walkDocument(OPENAPI, wholeDocument(root), {
    part: ({ kind, value, pointer, holder, key }) => {
      if (kind === 'Schema') {
        if (holder) holder[key] = upgradeSchema(value, pointer, notes)
      } else if (value.example !== undefined && (kind === 'Parameter' || kind === 'Header' || kind === 'Media')) {
        value.examples ??= { default: { value: value.example } }
        delete value.example
      }
    },
  })
}

function upgradeSchema(schema: SchemaObject, pointer: string, notes: DocumentNotes): SchemaObject {
  if (typeof schema.$ref === 'string') dropBesideReference(schema, pointer, notes)
  upgradeBound(schema, 'exclusiveMinimum', 'minimum')
  upgradeBound(schema, 'exclusiveMaximum', 'maximum')
  if (schema.example !== undefined) {
    schema.examples ??= [schema.example]
    delete schema.example
  }
  const { nullable } = schema
  delete schema.nullable
  const upgraded = nullable === true ? allowNull(schema, pointer) : schema
  upgradeFormat(upgraded)
  return upgraded
}

/**
 * What stands beside a `$ref` is ignored (OpenAPI 3.0, section 4.7.23); documentation is kept, and so is `nullable`,
 * whose authors expect it to work.
 */
function dropBesideReference(schema: SchemaObject, pointer: string, notes: DocumentNotes): void {
  for (const keyword of Object.keys(schema)) {
    if (keyword === '$ref' || keyword === 'nullable' || (isAnnotation(keyword) && keyword !== 'default')) continue
    notes.add('what stands beside a "$ref" is ignored, as OpenAPI 3.0 says', pointer)
    delete schema[keyword]
  }
}

function upgradeBound(schema: SchemaObject, exclusive: string, bound: string): void {
  if (typeof schema[exclusive] !== 'boolean') return
  if (schema[exclusive] && schema[bound] !== undefined) {
    schema[exclusive] = schema[bound]
    delete schema[bound]
  } else delete schema[exclusive]
}

/**
 * Makes a `nullable` schema allow null. A `type` gets `null` added; an `enum` must list null itself (OpenAPI 3.0.3). A
 * schema with `$ref`, `allOf` and the like becomes one branch of an `anyOf`, beside null.
 */
function allowNull(schema: SchemaObject, pointer: string): SchemaObject {
  const composed = ['$ref', 'allOf', 'anyOf', 'oneOf', 'not'].some((keyword) => keyword in schema)
  if (!composed) {
    if (schema.type !== undefined) schema.type = [...new Set([schema.type, 'null'].flat())]
    // a branch with nothing but `nullable` means null, not any value
    else if (/\/(oneOf|anyOf)\/\d+$/.test(pointer) && Object.keys(schema).every(isAnnotation)) schema.type = 'null'
    return schema
  }
  const outside = Object.entries(schema).filter(([keyword]) => isAnnotation(keyword))
  const inside = Object.entries(schema).filter(([keyword]) => !isAnnotation(keyword))
  return { ...Object.fromEntries(outside), anyOf: [Object.fromEntries(inside), { type: 'null' }] }
}

/** Replaces the formats for bytes (OpenAPI 3.1, section 4.8.14.3). */
function upgradeFormat(schema: SchemaObject): void {
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
