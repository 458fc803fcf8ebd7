import type { ValidateFunction } from 'ajv'
import { pointerToken } from './json-pointer.ts'
import { gatehouseError, type Violation } from '../errors.ts'
import { beginRun } from './bounded-reference.ts'
import { walkSchema, type JsonSchema } from './json-schema.ts'
import { compileSchema, type SchemaCompiler, type ValueKind } from './schema-validator.ts'
import { isDecimal } from './value-types.ts'
import { joinViolations, violationsOf } from './violations.ts'

/**
 * Largest value, in bytes, of which all violations are listed. Listing all continues past a broken limit (`maxItems`,
 * `maxLength`), so for large values the check stops at the first violation.
 */
const LIST_ALL = 16 * 1024

/** Checks one part of a message against one schema. Validators are compiled by the first value that needs them. */
export class PartCheck {
  /** `params`, `query`, `headers`, `cookies` or `body` */
  readonly part: string
  readonly #compile: SchemaCompiler
  readonly #compiled = new Map<string, ValidateFunction>()
  readonly #name: string
  readonly #refers: boolean

  /**
   * @param schema  a self-contained schema, or a compiler for it
   * @param name    name of the schema in the log, when it cannot be compiled
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
   * @param value  a JSON value, which is not changed
   * @param size   bytes of the value
   * @returns null when the value is valid
   */
  json(value: unknown, size: number): Violation[] | null {
    return this.#run(this.#validator('json', size), value, size)
  }

  /**
   * Checks values in which texts stand for numbers and booleans.
   * @param values   parameters, query, headers or form
   * @param coerced  receives the numbers and booleans; by default a copy, so that `values` is not changed
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
   * Repeats the check of a schema with references. A referenced schema may have converted a text after the schema
   * around it had seen the text, so a `maximum` there did not apply. Either the converted or the original values must
   * be valid without conversion.
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
      // a recursive schema may recurse as deep as the value, or exceed its steps
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
        // a value that cannot be checked is never let through
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

/** A copy for coercion. Repeated texts are lists, and forms contain objects too. */
function copyOfTexts(values: Record<string, unknown>): Record<string, unknown> {
  // a spread copies `__proto__` like any other name
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
