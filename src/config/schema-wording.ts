import { domainToASCII } from 'node:url'
import type { TSchema } from 'typebox'
import { closest } from '../schema/suggestion.ts'

/** The parts of a JSON Schema that the configuration and upstream schemas use. */
export interface SchemaNode {
  type?: string
  title?: string
  description?: string
  default?: unknown
  const?: unknown
  enum?: unknown[]
  anyOf?: SchemaNode[]
  properties?: Record<string, SchemaNode>
  patternProperties?: Record<string, SchemaNode>
  additionalProperties?: boolean | SchemaNode
  required?: string[]
  items?: SchemaNode
  minItems?: number
  minimum?: number
  maximum?: number
  minLength?: number
  maxLength?: number
  pattern?: string
  maxProperties?: number
  /** `writeOnly` in JSON Schema marks a secret, which is never shown. */
  writeOnly?: boolean
}

/** A TypeBox schema, typed as the plain JSON Schema that it is. */
export const schemaNode = (schema: TSchema | SchemaNode): SchemaNode => schema as SchemaNode

/** The branches of a union, with nested unions flattened. */
export function branches(schema: SchemaNode): SchemaNode[] {
  return schema.anyOf ? schema.anyOf.flatMap(branches) : [schema]
}

/** Whether the schema is marked as a secret or contains one. */
export function holdsSecret(schema: SchemaNode): boolean {
  return (
    schema.writeOnly === true ||
    (schema.anyOf?.some(holdsSecret) ?? false) ||
    Object.values(schema.properties ?? {}).some(holdsSecret) ||
    (schema.items ? holdsSecret(schema.items) : false)
  )
}

function range(noun: string, least: number | undefined, most: number | undefined, unit = ''): string {
  if (least !== undefined && most !== undefined) return `${noun} ${least} to ${most}${unit}`
  if (least !== undefined) return `${noun} of at least ${least}${unit}`
  return most === undefined ? noun : `${noun} of at most ${most}${unit}`
}

const keyList = (keys: string[]): string => (keys.length ? `object with the keys ${keys.join(', ')}` : 'object')

/** Describes what a schema allows; its `title` when it has one. */
export function allowed(schema: SchemaNode): string {
  if (schema.title) return schema.title
  if (schema.anyOf) return [...new Set(schema.anyOf.map(allowed))].join(' or ')
  if ('const' in schema) return JSON.stringify(schema.const)
  if (schema.enum) {
    return schema.enum.length === 1
      ? JSON.stringify(schema.enum[0])
      : `one of ${schema.enum.map((value) => JSON.stringify(value)).join(', ')}`
  }
  switch (schema.type) {
    case 'integer':
    case 'number':
      return range(schema.type, schema.minimum, schema.maximum)
    case 'boolean':
      return 'true or false'
    case 'array': {
      const list = schema.minItems === 1 ? 'non-empty list' : 'list'
      return schema.items ? `${list} of ${allowed(schema.items)}` : list
    }
    case 'object':
      if (schema.properties) return keyList(Object.keys(schema.properties))
      return schema.patternProperties
        ? `map of names to ${allowed(Object.values(schema.patternProperties)[0]!)}`
        : 'object'
    case 'string':
      if (schema.pattern) return `text that matches ${schema.pattern}`
      if (schema.minLength === 1 && schema.maxLength === undefined) return 'non-empty text'
      return range('text', schema.minLength, schema.maxLength, ' characters')
    default:
      return 'any value'
  }
}

const LONGEST = 60

/** Describes a value in one short line. Never shows the content of a list or object, nor a password. */
export function found(value: unknown): string {
  switch (typeof value) {
    case 'undefined':
      return 'nothing'
    case 'function':
      return 'a function'
    case 'symbol':
      return 'a symbol'
    case 'bigint':
      return `${value}n`
    case 'number':
    case 'boolean':
      return String(value)
    case 'string': {
      const shown = value.replace(/\/\/[^/?#\s]*@/, '//***@')
      return JSON.stringify(shown.length > LONGEST ? `${shown.slice(0, LONGEST)}…` : shown)
    }
  }
  if (value === null) return 'null'
  if (Array.isArray(value)) return value.length ? 'a list' : 'an empty list'
  const keys = Object.keys(value as object)
  if (!keys.length) return 'an empty object'
  const shown = keys
    .slice(0, 5)
    .map((key) => found(key))
    .join(', ')
  return `an object with ${keys.length === 1 ? 'the key' : 'the keys'} ${shown}${keys.length > 5 ? ', …' : ''}`
}

/** A host with an optional port and path, such as `127.0.0.1:5001`, `localhost` and `orders.internal/v1`. */
const ADDRESS = /^(?:localhost|\[[\da-f:.]+\]|[\w-]+(?:\.[\w-]+)+|[\w-]+(?=:\d))(?::\d+)?(?:\/\S*)?$/i

/** Whether a text would be a valid URL with the scheme that the schema requires. */
export const lacksScheme = (schema: SchemaNode, value: unknown): boolean =>
  typeof value === 'string' &&
  ADDRESS.test(value) &&
  branches(schema).some(({ pattern = '^(?!)' }) => new RegExp(pattern).test(`http://${value}`))

/** Describes the value of a secret by its type and length, never by its content. */
export function foundSecret(value: unknown): string {
  if (typeof value === 'string') return `text of ${value.length} characters (not shown)`
  if (value === null || typeof value !== 'object') return `a ${typeof value} (not shown)`
  return found(value)
}

/** A field in the usual notation: `routes[2].auth`, `requestHeaders.set["x y"]`. */
export function fieldPath(path: readonly (string | number)[]): string {
  let text = ''
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`
    else if (/^[A-Za-z_$][\w$-]*$/.test(step)) text += text ? `.${step}` : step
    else text += `[${found(step)}]`
  }
  return text
}

/** Maximum length of a text for which a suggestion is made. */
const LONGEST_GUESS = 300

/**
 * A suggestion for a mistyped value, in the form in which it would be written; undefined when no allowed value is
 * similar.
 */
export function meantValue(schema: SchemaNode, value: string): string | undefined {
  if (value.length > LONGEST_GUESS) return undefined
  const kinds = branches(schema)
  const option = closest(
    value,
    kinds.flatMap((kind) => [...(kind.enum ?? []), kind.const]).filter((option) => typeof option === 'string'),
  )
  if (option !== undefined) return JSON.stringify(option)
  const host = kinds.some(({ title }) => title?.startsWith('host name')) ? bareHost(value) : value
  if (host !== value && fits(schema, host)) return JSON.stringify(host)
  // an object of one key, whose name stands alone
  if (kinds.some((kind) => kind.maxProperties === 1 && Object.hasOwn(kind.properties ?? {}, value))) {
    return `{ ${value}: {} }`
  }
  const { type, items } = schema
  if (type === 'array' && items?.type === 'string' && new RegExp(items.pattern ?? '.').test(value)) {
    return JSON.stringify([value])
  }
  return undefined
}

const fits = (schema: SchemaNode, text: string): boolean =>
  branches(schema).some(({ pattern }) => pattern !== undefined && new RegExp(pattern).test(text))

/**
 * Corrects `http:/host` and `http//host` to the URL that the schema requires; undefined for other text, and for URLs
 * with a password.
 */
export function withSlashes(schema: SchemaNode, value: unknown): string | undefined {
  if (typeof value !== 'string' || value.length > LONGEST_GUESS || value.includes('@')) return undefined
  const url = value.replace(/^(https?)(?::\/|\/\/)(?=[\w[])/, '$1://')
  return url !== value && fits(schema, url) ? url : undefined
}

/** The host name of a URL or of `host:port`, in lower case and in the ASCII form that DNS uses (RFC 3490). */
function bareHost(text: string): string {
  const name = text
    .replace(/^[a-z]+:\/\//i, '')
    .replace(/\/.*$/s, '')
    .replace(/:\d*$/, '')
    .replaceAll(/\.{2,}/g, '.')
    .toLowerCase()
  return /^[\x20-\x7E]*$/.test(name) ? name : domainToASCII(name)
}
