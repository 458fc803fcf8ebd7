import { isObject, type SchemaObject } from '../schema/json-schema.ts'
import { closest } from '../schema/suggestion.ts'
import type { DocumentNotes } from './document-origins.ts'
import type { Grammar } from './document-grammar.ts'
import { type Part, type Place, walkDocument, wholeDocument } from './document-walk.ts'

/** A mistake at a JSON pointer. */
export type Mistake = [pointer: string, message: string]

const TYPES = ['string', 'number', 'integer', 'boolean', 'array', 'object', 'null']
const isTypes = (value: unknown, known: readonly string[]): boolean =>
  [value].flat().length > 0 && [value].flat().every((type) => known.includes(type as string))

/** Describes a value for a message, in few characters. */
export function shown(value: unknown): string {
  if (value === undefined) return 'is missing'
  if (Array.isArray(value)) return value.length === 0 ? 'is an empty list' : 'is a list'
  if (isObject(value)) return 'is an object'
  const text = JSON.stringify(value)
  return `is ${text.length > 60 ? `${text.slice(0, 60)}…` : text}`
}

const isText = (value: unknown): value is string => typeof value === 'string'
const isNumber = (value: unknown): value is number => Number.isFinite(value)
const isScalar = (value: unknown): boolean => typeof value !== 'object'
const isCount = (value: unknown): boolean => Number.isInteger(value) && (value as number) >= 0

/** Checks of plain data, and the description of what is allowed. */
const DATA: Record<string, [fits: (value: unknown) => boolean, allowed: string]> = {
  any: [() => true, ''],
  words: [isScalar, 'text'],
  text: [isText, 'text'],
  flag: [(value) => typeof value === 'boolean', 'true or false'],
  number: [isNumber, 'a number'],
  positive: [(value) => isNumber(value) && value > 0, 'a number above 0'],
  count: [isCount, 'a whole number from 0'],
  texts: [(value) => Array.isArray(value) && value.every(isText), 'a list of text'],
  textLists: [
    (value) => isObject(value) && Object.values(value).every((list) => Array.isArray(list) && list.every(isText)),
    'an object of lists of text',
  ],
  list: [(value) => Array.isArray(value) && value.length > 0, 'a list with at least one value'],
  bound: [(value) => isNumber(value) || typeof value === 'boolean', 'a number (true or false before OpenAPI 3.1)'],
  types: [(value) => isTypes(value, TYPES), `${TYPES.join(', ')}, or a list of these`],
  fileTypes: [(value) => isTypes(value, [...TYPES, 'file']), `${TYPES.join(', ')}, file, or a list of these`],
}

/** Supported dialects of JSON Schema: 2020-12, and OpenAPI's own. */
const DIALECT = /^https?:\/\/(json-schema\.org\/draft\/2020-12\/|spec\.openapis\.org\/oas\/3\.1\/)/

/**
 * Checks the structure of a document. Harmless mistakes that many public documents have are corrected: null fields are
 * removed, and so is `required: true` within a schema.
 */
export function checkStructure(grammar: Grammar, root: SchemaObject, notes: DocumentNotes): Mistake[] {
  const mistakes: Mistake[] = []
  const misfit = (place: Place): void => {
    const { value, shape, pointer, holder, key } = place
    if (value === null && holder && !Array.isArray(holder)) {
      delete holder[key]
      return
    }
    if (shape.startsWith('Example') && holder && !Array.isArray(holder)) {
      notes.add('"examples" is not an object of Example Objects and is ignored', pointer)
      delete holder[key]
      return
    }
    mistakes.push([pointer, `${shown(value)}, allowed: ${shape.endsWith('[]') ? 'a list' : 'an object'}`])
  }
  walkDocument(grammar, wholeDocument(root), {
    misfit,
    part: (part) => {
      if (typeof part.value.$ref === 'string' && part.kind !== 'Schema') {
        checkBesideReference(part, notes)
        return false
      }
      if (part.kind === 'Schema') checkSchema(part, mistakes, notes)
      for (const [field, shape] of Object.entries(grammar[part.kind]!.fields)) {
        if (shape.startsWith('!') && part.value[field] === undefined) {
          mistakes.push([part.pointer, `has no "${field}", which is required`])
        }
      }
      return true
    },
    data: (place) => {
      const { value, shape, pointer } = place
      if (shape === 'any') return
      if (value === null && !shape.endsWith('ypes') && shape !== 'list') return misfit(place)
      const [fits, allowed] = DATA[shape] ?? [
        (word: unknown) => isText(word) && shape.split('|').includes(word),
        shape.replaceAll('|', ', '),
      ]
      if (fits(value)) return
      if (shape.endsWith('ypes') && [value].flat().includes(null)) {
        mistakes.push([pointer, 'is null, allowed: the word "null", with quotes'])
      } else mistakes.push([pointer, `${shown(value)}, allowed: ${allowed}`])
    },
    unknown: ({ key, pointer }, kind) => {
      const guess = closest(String(key), Object.keys(grammar[kind]!.fields))
      notes.add(
        `the field "${key}" is not known there and is ignored${guess === undefined ? '' : `, did you mean "${guess}"?`}`,
        pointer,
      )
    },
  })
  return mistakes
}

/** Removes what stands beside a `$ref` other than a schema's, except texts (OpenAPI 3.1, section 4.8.23). */
function checkBesideReference({ value, pointer }: Part, notes: DocumentNotes): void {
  for (const field of Object.keys(value)) {
    if (['$ref', 'summary', 'description'].includes(field) || field.startsWith('x-')) continue
    notes.add('what stands beside a "$ref" is ignored, as the specification says', pointer)
    delete value[field]
  }
}

function checkSchema({ value, pointer }: Part, mistakes: Mistake[], notes: DocumentNotes): void {
  for (const keyword of ['$dynamicRef', '$recursiveRef']) {
    if (value[keyword] !== undefined) {
      mistakes.push([`${pointer}/${keyword}`, 'is a dynamic reference, allowed: "$ref"'])
    }
  }
  for (const keyword of ['allOf', 'prefixItems']) {
    if (!Array.isArray(value[keyword]) || value[keyword].length > 0) continue
    notes.add(`"${keyword}" is an empty list, which has no effect`, pointer)
    delete value[keyword]
  }
  if (typeof value.$schema === 'string' && !DIALECT.test(value.$schema)) {
    notes.add('"$schema" names another dialect of JSON Schema than 2020-12, and the schema is read as 2020-12', pointer)
  }
  if (typeof value.required === 'boolean') {
    notes.add(
      '"required" of a schema is true or false, which has no effect: the object around it lists its required properties',
      pointer,
    )
    delete value.required
  }
}
