import type { SchemaObject } from '../../schema/json-schema.ts'

/** A bound that one keyword sets. */
export interface BoundRule {
  keyword: string
  /** Types that the keyword applies to; absent for all. */
  types?: readonly string[]
  /** Whether the tight value may refuse what the loose one allows. */
  isTighter: (loose: any, tight: any) => boolean
}

const NUMBERS = ['number', 'integer']
/** Pairs of formats of which the first allows all values of the second. */
const WIDER_FORMATS = [
  ['int64', 'int32'],
  ['double', 'float'],
  ['uri-reference', 'uri'],
  ['iri', 'uri'],
  ['iri-reference', 'uri-reference'],
  ['idn-email', 'email'],
  ['idn-hostname', 'hostname'],
]
/** Formats that only describe how a value is displayed. */
const SHOWN = new Set(['password', 'textarea', 'html', 'markdown'])

const most = (keyword: string, types: readonly string[]): BoundRule => ({
  keyword,
  types,
  isTighter: (loose, tight) => tight !== undefined && (loose === undefined || tight < loose),
})
const least = (keyword: string, types: readonly string[], none = -Infinity): BoundRule => ({
  keyword,
  types,
  isTighter: (loose, tight) => tight !== undefined && tight > (loose ?? none),
})

/** The keywords that restrict values, and when a change makes them stricter. */
export const BOUNDS: readonly BoundRule[] = [
  {
    keyword: 'enum',
    isTighter: (loose, tight) => tight !== undefined && (loose === undefined || missing(loose, tight).length > 0),
  },
  most('maximum', NUMBERS),
  most('exclusiveMaximum', NUMBERS),
  least('minimum', NUMBERS),
  least('exclusiveMinimum', NUMBERS),
  {
    keyword: 'multipleOf',
    types: NUMBERS,
    isTighter: (loose, tight) =>
      tight !== undefined &&
      tight !== loose &&
      !(tight === 1 && Number.isInteger(loose)) &&
      !Number.isInteger((loose ?? NaN) / tight),
  },
  most('maxLength', ['string']),
  least('minLength', ['string'], 0),
  { keyword: 'pattern', types: ['string'], isTighter: (loose, tight) => tight !== undefined && tight !== loose },
  {
    keyword: 'format',
    isTighter: (loose, tight) =>
      tight !== undefined &&
      tight !== loose &&
      !SHOWN.has(tight) &&
      !WIDER_FORMATS.some(([wide, narrow]) => wide === tight && narrow === loose),
  },
  most('maxItems', ['array']),
  least('minItems', ['array'], 0),
  { keyword: 'uniqueItems', types: ['array'], isTighter: (loose, tight) => tight === true && loose !== true },
  most('maxProperties', ['object']),
  least('minProperties', ['object'], 0),
]

/** Values of the first list that the second lacks. */
export function missing(all: readonly unknown[], some: readonly unknown[]): unknown[] {
  const known = new Set(some.map((value) => JSON.stringify(value)))
  return all.filter((value) => !known.has(JSON.stringify(value)))
}

const lowest = (one: number, other: number): number => Math.min(one, other)
const highest = (one: number, other: number): number => Math.max(one, other)
const either = (one: unknown, other: unknown): unknown => (one === other ? one : `${String(one)} and ${String(other)}`)

/** How the values of a keyword in two parts of an `allOf` are combined. */
export const COMBINED: Readonly<Record<string, (one: any, other: any) => unknown>> = {
  enum: (one: unknown[], other: unknown[]) => one.filter((value) => missing([value], other).length === 0),
  maximum: lowest,
  exclusiveMaximum: lowest,
  maxLength: lowest,
  maxItems: lowest,
  maxProperties: lowest,
  minimum: highest,
  exclusiveMinimum: highest,
  minLength: highest,
  minItems: highest,
  minProperties: highest,
  multipleOf: (one, other) => (one === other ? one : one * other),
  pattern: either,
  format: either,
  uniqueItems: (one, other) => one || other,
  readOnly: (one, other) => one || other,
  writeOnly: (one, other) => one || other,
}

/** Keywords whose values cannot be compared: it is unknown which of two allows more. */
export const OPAQUE: readonly string[] = [
  'not',
  'if',
  'then',
  'else',
  'contains',
  'minContains',
  'maxContains',
  'propertyNames',
  'dependentRequired',
  'dependentSchemas',
  'unevaluatedItems',
  'contentEncoding',
  'contentMediaType',
  'discriminator',
  'xml',
]

/** What breaks when a restriction changes. */
export const WHY = {
  request: 'requests that were allowed before are refused',
  response: 'clients get values that the document had excluded',
} as const

/** The value of a keyword, for messages. */
export function shown(keyword: string, value: unknown): string {
  if (value === undefined) return keyword === 'enum' ? 'any value' : 'none'
  const text = JSON.stringify(value)
  return text.length > 200 ? `${text.slice(0, 200)}...` : text
}

/** Describes a changed restriction; of an enum, only the values that differ. */
export function boundChange(
  keyword: string,
  loose: SchemaObject,
  tight: SchemaObject,
  direction: keyof typeof WHY,
): string {
  const [now, was] = direction === 'request' ? [tight[keyword], loose[keyword]] : [loose[keyword], tight[keyword]]
  if (keyword === 'enum' && Array.isArray(loose.enum)) {
    const values = missing(loose.enum, tight.enum)
      .map((value) => shown(keyword, value))
      .join(', ')
    return direction === 'request' ? `the enum no longer has ${values}` : `the enum has ${values} too`
  }
  return `${keyword} is ${shown(keyword, now)}, was ${shown(keyword, was)}`
}
