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
 * The kind of a value: `json` has typed values; `text` (parameters, queries, headers, forms) has only strings, which
 * may stand for numbers and booleans.
 */
export type ValueKind = 'json' | 'text'

// values are never changed, since the original bytes are forwarded: no defaults, nothing removed
const OPTIONS: Options = {
  strict: false,
  useDefaults: false,
  removeAdditional: false,
  ownProperties: true,
  validateSchema: false,
  logger: false,
  // errors include their schema, by which those of a union are grouped
  verbose: true,
  // patterns must run in bounded time
  code: { regExp: SAFE_PATTERNS },
}

/** Makes the validator of a schema. With `allErrors` it finds every violation; otherwise it stops at the first. */
export type SchemaCompiler = (kind: ValueKind, allErrors: boolean) => ValidateFunction

/** Makes a compiler with the gateway's options and safe keywords. */
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

/** Compilers by kind and `allErrors`; created on first use, since each takes a moment. */
const compilers = new Map<string, Ajv2020>()
let checker: Ajv2020 | undefined

/**
 * Describes the mistakes in a schema; empty when there are none. It takes microseconds, where compiling takes
 * milliseconds, so that thousands of routes boot quickly: validators are compiled by the first request.
 * @param part  Fastify's name of the part that it checks: `params`, `querystring`, `headers` or `body`
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
  // the list grows during the loop: a reference may lead to a schema outside the keywords for schemas
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

/** Messages about subschemas that only list properties. */
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

/** Finds mistakes that the meta-schema accepts and the compiler would refuse or ignore. */
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
 * Compiles a self-contained schema without mistakes.
 * @param allErrors  whether it finds every violation, or stops at the first
 */
export function compileSchema(schema: JsonSchema, kind: ValueKind, allErrors: boolean): ValidateFunction {
  const key = `${kind} ${allErrors}`
  let ajv = compilers.get(key)
  if (!ajv) compilers.set(key, (ajv = createCompiler(kind, allErrors)))
  const bare = withoutNames(schema)
  const validate = ajv.compile(bare)
  // otherwise Ajv keeps the schema as long as the process lives
  if (typeof bare === 'object') ajv.removeSchema(bare)
  return validate
}

/**
 * A copy without `$id` and anchors in examples and other data. Ajv reads these as names of schemas; a duplicate or
 * malformed one would keep the schema from compiling.
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
