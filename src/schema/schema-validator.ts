import { Ajv2020, type Options, type ValidateFunction } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { atPointer, pointerOf } from './json-pointer.ts'
import { BOUNDED_REFERENCE } from './bounded-reference.ts'
import { type Holds, HOLDS, isObject, type JsonSchema, type SchemaObject, walkSchema } from './json-schema.ts'
import { isPattern, patternMistake, SAFE_PATTERNS } from './safe-pattern.ts'
import { meantByShorthand, KEYWORDS, unknownKeywords } from './unknown-keywords.ts'
import { UNIQUE_ITEMS } from './unique-items.ts'
import { violationsOf } from './violations.ts'

/**
 * What a value is made of: `json` has types of its own, `text` (parameters, queries, headers, forms) is all strings,
 * which may stand for numbers and booleans.
 */
export type ValueKind = 'json' | 'text'

// nothing may be changed, since the bytes are forwarded as they came: no defaults, nothing removed
const OPTIONS: Options = {
  strict: false,
  useDefaults: false,
  removeAdditional: false,
  ownProperties: true,
  validateSchema: false,
  logger: false,
  // errors that name their schema can be told apart
  verbose: true,
  // a pattern must not take endless time
  code: { regExp: SAFE_PATTERNS },
}

/**
 * Makes the validator of a schema; `allErrors` says whether it looks for everything that is wrong, or stops at the
 * first.
 */
export type SchemaCompiler = (kind: ValueKind, allErrors: boolean) => ValidateFunction

/** A compiler with the options of the house. */
export function createCompiler(kind: ValueKind, allErrors: boolean, options: Options = {}): Ajv2020 {
  const ajv = new Ajv2020({ ...OPTIONS, allErrors, coerceTypes: kind === 'text' ? 'array' : false, ...options })
  ;(addFormats as unknown as (ajv: Ajv2020) => void)(ajv)
  ajv.removeKeyword('uniqueItems')
  ajv.addKeyword(UNIQUE_ITEMS)
  ajv.removeKeyword('$ref')
  ajv.addKeyword(BOUNDED_REFERENCE)
  return ajv
}

function createChecker(): Ajv2020 {
  const ajv = new Ajv2020({ strict: false, logger: false })
  ;(addFormats as unknown as (ajv: Ajv2020) => void)(ajv)
  return ajv
}

/** Keywords that name schemas. */
const NAMES = new Set(['$id', '$anchor', '$dynamicAnchor'])

/** Compilers by kind and thoroughness; made when first needed, since each takes a moment. */
const compilers = new Map<string, Ajv2020>()
let checker: Ajv2020 | undefined

/**
 * What is wrong with a schema, in words; empty when nothing is. Takes microseconds where compiling takes milliseconds,
 * so that thousands of routes boot at once: validators are compiled when the first request needs them.
 * @param part  what the schema is for, as Fastify calls it: `params`, `querystring`, `headers` or `body`
 */
export function schemaMistakes(schema: JsonSchema, part = 'body'): string[] {
  if (!isObject(schema)) return typeof schema === 'boolean' ? [] : ['it is neither an object nor true or false']
  const meant = meantByShorthand(schema, KEYWORDS, part === 'headers')
  if (meant !== undefined) return [`it ${NO_SCHEMA}, did you mean ${meant}?`]
  if (part !== 'body' && schema.type !== undefined && ![schema.type].flat().includes('object')) {
    return [
      `it has the type ${JSON.stringify(schema.type)}, and what it checks is an object with a property for each name: write "type": "object", and "properties"`,
    ]
  }
  checker ??= createChecker()
  const mistakes = new Set<string>()
  const visited = new Set<unknown>()
  const places: [schema: SchemaObject, pointer: string][] = [[schema, '']]
  // grows while it is walked: a reference may lead to a schema where no keyword holds one
  for (const [place, at] of places) {
    if (visited.has(place)) continue
    const shorthands = shorthandsIn(place, at)
    if (shorthands.length > 0) {
      for (const mistake of shorthands) mistakes.add(mistake)
      continue
    }
    if (!checker.validateSchema(place)) {
      for (const { pointer, expected } of violationsOf(checker.errors!, 'schema')) {
        mistakes.add(`${at + pointer || 'it'} is not what a JSON Schema has there: ${expected}`)
      }
      continue
    }
    walkSchema(
      place,
      (found, pointer) => {
        visited.add(found)
        for (const mistake of mistakesOf(found, pointer, checker!.formats)) mistakes.add(mistake)
        const target = typeof found.$ref === 'string' ? atPointer(schema, pointerOf(found.$ref)) : undefined
        if (isObject(target)) places.push([target, pointerOf(found.$ref)])
      },
      at,
    )
  }
  return [...mistakes]
}

const NO_SCHEMA = 'has neither "type" nor "properties", so it accepts everything'

/** Schemas that only list properties, in words. */
function shorthandsIn(schema: SchemaObject, pointer: string): string[] {
  const mistakes: string[] = []
  walkSchema(
    schema,
    (found, at) => {
      const meant = meantByShorthand(found, KEYWORDS)
      if (meant !== undefined) mistakes.push(`${at || 'it'} ${NO_SCHEMA}, did you mean ${meant}?`)
    },
    pointer,
  )
  return mistakes
}

/** What the meta-schema lets pass and the compiler would refuse or, worse, ignore. */
function* mistakesOf(found: SchemaObject, pointer: string, formats: object): Iterable<string> {
  yield* unknownKeywords(found, pointer)
  if (typeof found.format === 'string' && !Object.hasOwn(formats, found.format)) {
    yield `${pointer}/format is "${found.format}", which is unknown (known are ${Object.keys(formats).sort().join(', ')})`
  }
  if (Array.isArray(found.enum) && found.enum.length === 0) yield `${pointer}/enum is empty, so nothing is valid`
  if ('nullable' in found) {
    if (typeof found.nullable !== 'boolean') yield `${pointer}/nullable must be true or false`
    else if (found.type === undefined) yield `${pointer}/nullable needs a "type" beside it`
    else if (!found.nullable && [found.type].flat().includes('null')) {
      yield `${pointer}/nullable is false, and "type" has "null": leave "nullable" out`
    }
  }
  if ('id' in found) yield `${pointer}/id is a keyword of draft-04: write "$id"`
  if ('$async' in found) yield `${pointer}/$async is not supported`
  for (const pattern of [found.pattern, ...Object.keys(found.patternProperties ?? {})]) {
    if (pattern === undefined) continue
    const mistake = isPattern(pattern, 'u') ? patternMistake(pattern) : 'is not a regular expression'
    if (mistake !== null) yield `${pointer || 'it'} has the pattern "${pattern}", which ${mistake}`
  }
}

/**
 * The validator of a self-contained schema without mistakes.
 * @param allErrors  whether it looks for everything that is wrong, or stops at the first
 */
export function compileSchema(schema: JsonSchema, kind: ValueKind, allErrors: boolean): ValidateFunction {
  const key = `${kind} ${allErrors}`
  let ajv = compilers.get(key)
  if (!ajv) compilers.set(key, (ajv = createCompiler(kind, allErrors)))
  const bare = withoutNames(schema)
  const validate = ajv.compile(bare)
  // Ajv would remember the schema for as long as the process lives
  if (typeof bare === 'object') ajv.removeSchema(bare)
  return validate
}

/**
 * A copy without `$id` and anchors in examples and other data. Ajv takes these for names of schemas, and two that are
 * equal, or one that is not well-formed, would keep it from compiling.
 */
function withoutNames(schema: JsonSchema): JsonSchema {
  const copyData = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(copyData)
    if (!isObject(value)) return value
    return Object.fromEntries(
      Object.entries(value)
        .filter(([key]) => !NAMES.has(key))
        .map(([key, inner]) => [key, copyData(inner)]),
    )
  }
  const copy = (value: unknown): unknown =>
    isObject(value)
      ? Object.fromEntries(
          Object.entries(value).map(([keyword, inner]) => [keyword, copyHeld(HOLDS.get(keyword), keyword, inner)]),
        )
      : value
  const copyHeld = (holds: Holds | undefined, keyword: string, value: unknown): unknown => {
    if (holds === undefined) return keyword === 'const' || keyword === 'enum' ? value : copyData(value)
    if (Array.isArray(value)) return value.map(copy)
    return holds === 'map' && isObject(value)
      ? Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, copy(inner)]))
      : copy(value)
  }
  return copy(schema) as JsonSchema
}
