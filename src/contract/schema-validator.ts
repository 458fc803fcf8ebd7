import { Ajv2020, type Options, type ValidateFunction } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { BOUNDED_REFERENCE } from './bounded-reference.ts'
import { isObject, type JsonSchema, walkSchema } from './json-schema.ts'
import { patternMistake, SAFE_PATTERNS } from './safe-pattern.ts'
import { UNIQUE_ITEMS } from './unique-items.ts'
import { violationsOf } from './violations.ts'

/**
 * What a value is made of: `json` has types of its own, `text` (parameters, queries, headers, forms) is all strings, which
 * may stand for numbers and booleans.
 */
export type ValueKind = 'json' | 'text'

// nothing may be changed, since the bytes are forwarded as they came: no defaults, nothing removed
const OPTIONS: Options = {
  strict: false, useDefaults: false, removeAdditional: false, ownProperties: true, validateSchema: false, logger: false,
  // errors that name their schema can be told apart
  verbose: true,
  // a pattern must not take endless time
  code: { regExp: SAFE_PATTERNS },
}

/** Makes the validator of a schema; `allErrors` says whether it looks for everything that is wrong, or stops at the first. */
export type SchemaCompiler = (kind: ValueKind, allErrors: boolean) => ValidateFunction

/** A compiler with the options of the house. */
export function createCompiler (kind: ValueKind, allErrors: boolean, options: Options = {}): Ajv2020 {
  const ajv = new Ajv2020({ ...OPTIONS, allErrors, coerceTypes: kind === 'text' ? 'array' : false, ...options })
  ;(addFormats as unknown as (ajv: Ajv2020) => void)(ajv)
  ajv.removeKeyword('uniqueItems')
  ajv.addKeyword(UNIQUE_ITEMS)
  ajv.removeKeyword('$ref')
  ajv.addKeyword(BOUNDED_REFERENCE)
  return ajv
}

function createChecker (): Ajv2020 {
  const ajv = new Ajv2020({ strict: false, logger: false })
  ;(addFormats as unknown as (ajv: Ajv2020) => void)(ajv)
  return ajv
}

/** Compilers by kind and thoroughness; made when first needed, since each takes a moment. */
const compilers = new Map<string, Ajv2020>()
let checker: Ajv2020 | undefined

/**
 * What is wrong with a schema, in words; empty when nothing is. Takes microseconds where compiling takes milliseconds, so
 * that thousands of routes boot at once: validators are compiled when the first request needs them.
 */
export function schemaMistakes (schema: JsonSchema): string[] {
  if (!isObject(schema)) return typeof schema === 'boolean' ? [] : ['it is neither an object nor true or false']
  checker ??= createChecker()
  if (!checker.validateSchema(schema)) {
    return violationsOf(checker.errors!, 'schema').map(({ pointer, expected }) => `${pointer || 'it'} is not what a JSON Schema has there: ${expected}`)
  }
  const mistakes = new Set<string>()
  const { formats } = checker
  // what the meta-schema lets pass and the compiler would refuse or, worse, ignore
  walkSchema(schema, (found, pointer) => {
    if (typeof found.format === 'string' && !Object.hasOwn(formats, found.format)) mistakes.add(`${pointer}/format is "${found.format}", which is unknown (known are ${Object.keys(formats).sort().join(', ')})`)
    if (Array.isArray(found.enum) && found.enum.length === 0) mistakes.add(`${pointer}/enum is empty, so nothing is valid`)
    if ('nullable' in found && found.type === undefined) mistakes.add(`${pointer}/nullable needs a "type" beside it`)
    if ('$async' in found) mistakes.add(`${pointer}/$async is not supported`)
    for (const pattern of [found.pattern, ...Object.keys(found.patternProperties ?? {})]) {
      if (pattern === undefined) continue
      const mistake = isPattern(pattern) ? patternMistake(pattern) : 'is not a regular expression'
      if (mistake !== null) mistakes.add(`${pointer || 'it'} has the pattern "${pattern}", which ${mistake}`)
    }
  })
  return [...mistakes]
}

function isPattern (text: string): boolean {
  try {
    return new RegExp(text, 'u') instanceof RegExp
  } catch {
    return false
  }
}

/**
 * The validator of a self-contained schema without mistakes.
 * @param allErrors  whether it looks for everything that is wrong, or stops at the first
 */
export function compileSchema (schema: JsonSchema, kind: ValueKind, allErrors: boolean): ValidateFunction {
  const key = `${kind} ${allErrors}`
  let ajv = compilers.get(key)
  if (!ajv) compilers.set(key, ajv = createCompiler(kind, allErrors))
  const validate = ajv.compile(schema)
  // Ajv would remember the schema for as long as the process lives
  if (typeof schema === 'object') ajv.removeSchema(schema)
  return validate
}
