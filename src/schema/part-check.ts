import type { ValidateFunction } from 'ajv'
import { pointerToken } from './json-pointer.ts'
import { gatehouseError, type Violation } from '../errors.ts'
import { beginRun } from './bounded-reference.ts'
import { walkSchema, type JsonSchema } from './json-schema.ts'
import { compileSchema, type SchemaCompiler, type ValueKind } from './schema-validator.ts'
import { isDecimal } from './value-types.ts'
import { joinViolations, violationsOf } from './violations.ts'

/**
 * Bytes of a value up to which every violation is listed. The search for all of them goes on where a limit of the
 * schema (`maxItems`, `maxLength`) has been broken already, so it is only for values that cannot make it take long.
 */
const LIST_ALL = 16 * 1024

/** Checks one part of a message against one schema. The validators are compiled by the first value that needs them. */
export class PartCheck {
  /** `params`, `query`, `headers`, `cookies` or `body` */
  readonly part: string
  readonly #compile: SchemaCompiler
  readonly #compiled = new Map<string, ValidateFunction>()
  readonly #name: string
  readonly #refers: boolean

  /**
   * @param schema  self-contained, or what compiles it
   * @param name    how the log speaks of the schema when it cannot be compiled
   */
  constructor(schema: JsonSchema | SchemaCompiler, part: string, name = part) {
    this.#compile =
      typeof schema === 'function'
        ? (schema as SchemaCompiler)
        : (kind, allErrors) => compileSchema(schema, kind, allErrors)
    this.#refers = typeof schema === 'function' || hasReference(schema)
    this.part = part
    this.#name = name
  }

  /**
   * @param value  of JSON, which is left alone
   * @param size   bytes of the value
   * @returns null when the value is valid
   */
  json(value: unknown, size: number): Violation[] | null {
    return this.#run(this.#validator('json', size), value, size)
  }

  /**
   * Lets text stand for numbers and booleans.
   * @param values   parameters, query, headers or form
   * @param coerced  gets the numbers and booleans; by default a copy, so that `values` stays as it was sent
   */
  text(
    values: Record<string, unknown>,
    size = 0,
    coerced: Record<string, unknown> = copyOfTexts(values),
  ): Violation[] | null {
    const validate = this.#validator('text', size)
    const original = coerced === values ? copyOfTexts(values) : values
    return (
      this.#run(validate, coerced, size) ??
      this.#literally(original, coerced, size) ??
      misreadNumbers(original, coerced, this.part)
    )
  }

  /**
   * A schema that refers to others has seen texts where these have made numbers of them, so that its `maximum` has said
   * nothing: what has become of the values, or what they were, must be valid as it is.
   */
  #literally(original: Record<string, unknown>, coerced: Record<string, unknown>, size: number): Violation[] | null {
    if (!this.#refers) return null
    const validate = this.#validator('json', size)
    const violations = this.#run(validate, coerced, size)
    return violations === null || this.#run(validate, original, size) === null ? null : violations
  }

  #run(validate: ValidateFunction, value: unknown, size: number): Violation[] | null {
    beginRun(size)
    try {
      return validate(value) ? null : violationsOf(validate.errors!, this.part)
    } catch (error) {
      // a recursive schema follows the value as deep as it goes, and unions in several ways
      if (error instanceof RangeError) return [{ in: this.part, pointer: '', expected: 'fewer values within values' }]
      throw error
    } finally {
      validate.errors = null
    }
  }

  #validator(kind: ValueKind, size: number): ValidateFunction {
    const allErrors = size <= LIST_ALL
    const key = allErrors ? kind : `${kind} first`
    let validate = this.#compiled.get(key)
    if (!validate) {
      try {
        validate = this.#compile(kind, allErrors)
      } catch (error) {
        // never let through what cannot be checked
        throw gatehouseError('GW_INTERNAL', {
          cause: new Error(`the schema of ${this.#name} cannot be compiled: ${(error as Error).message}`),
        })
      }
      this.#compiled.set(key, validate)
    }
    return validate
  }
}

function hasReference(schema: JsonSchema): boolean {
  let found = false
  walkSchema(schema, ({ $ref }) => {
    found ||= $ref !== undefined
  })
  return found
}

/** A copy that can be coerced; texts that came several times are lists, and forms have objects too. */
function copyOfTexts(values: Record<string, unknown>): Record<string, unknown> {
  // a spread takes `__proto__` for a name like any other
  const copy = { ...values }
  for (const name in copy) if (typeof copy[name] === 'object') copy[name] = copyOfValue(copy[name])
  return copy
}

function copyOfValue(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  return Array.isArray(value) ? value.map(copyOfValue) : copyOfTexts(value as Record<string, unknown>)
}

/**
 * Finds texts that JavaScript reads as a number and other languages do not. `0x10` passes a schema as 16 and reaches
 * the upstream as `0x10`: what was validated must be what is sent.
 * @param original  the texts as they came
 * @param coerced   the same after validation, with numbers where the schema wants some
 */
function misreadNumbers(original: unknown, coerced: unknown, part: string, pointer = ''): Violation[] | null {
  if (typeof coerced === 'number') {
    return isMisread(original) ? [{ in: part, pointer, expected: 'a decimal number' }] : null
  }
  if (typeof coerced !== 'object' || coerced === null) return null
  // one text may have become a list
  const texts = Array.isArray(coerced) && !Array.isArray(original) ? [original] : original
  let violations: Violation[] | null = null
  for (const name in coerced) {
    const value = (coerced as Record<string, unknown>)[name]
    const text = (texts as Record<string, unknown>)[name]
    if (typeof value === 'number' ? !isMisread(text) : typeof value !== 'object') continue
    violations = joinViolations(violations, misreadNumbers(text, value, part, `${pointer}/${pointerToken(name)}`))
  }
  return violations
}

const isMisread = (text: unknown): boolean => typeof text === 'string' && !isDecimal(text)
