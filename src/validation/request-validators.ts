import type { Violation } from '../errors.ts'
import { lowerCaseHeaderNames } from './header-schema.ts'
import type { JsonSchema } from '../schema/json-schema.ts'
import { PartCheck } from '../schema/part-check.ts'
import { schemaMistakes } from '../schema/schema-validator.ts'
import { selfContained } from '../schema/self-contained-schema.ts'

/** A schema that has been looked at, and its check. */
export interface CheckedSchema {
  check: PartCheck
  /** The schema, self-contained. */
  schema: JsonSchema
  /** What is wrong with the schema, in words; its check must not be used then. */
  mistakes: readonly string[]
}

/** Makes the checks of a gateway's routes; equal schemas share one check, and so one compiled validator. */
export class RequestValidators {
  readonly #bySchema = new WeakMap<object, Map<string, CheckedSchema>>()
  readonly #byText = new Map<string, CheckedSchema>()

  /**
   * @param part    as Fastify calls it: `params`, `querystring`, `headers` or `body`
   * @param shared  schemas by `$id` that references may name
   */
  get(schema: unknown, part: string, shared: Record<string, unknown> = {}): CheckedSchema {
    if (Object.keys(shared).length > 0 || typeof schema !== 'object' || schema === null) {
      return this.#byForm(schema, part, shared)
    }
    let known = this.#bySchema.get(schema)
    if (!known) this.#bySchema.set(schema, (known = new Map()))
    let checked = known.get(part)
    if (!checked) known.set(part, (checked = this.#byForm(schema, part, shared)))
    return checked
  }

  #byForm(original: unknown, part: string, shared: Record<string, unknown>): CheckedSchema {
    const { schema, mistakes } = selfContained(original, shared)
    if (part === 'headers') lowerCaseHeaderNames(schema)
    const key = `${part} ${JSON.stringify(schema)}`
    let checked = this.#byText.get(key)
    if (!checked || mistakes.length > 0) {
      checked = {
        check: new PartCheck(schema, part === 'querystring' ? 'query' : part),
        schema,
        mistakes: mistakes.length > 0 ? mistakes : schemaMistakes(schema, part),
      }
      this.#byText.set(key, checked)
    }
    return checked
  }
}

/** What Fastify calls for one part of a request. */
export interface PartValidator {
  (value: unknown): boolean
  errors: Violation[] | null
}

/**
 * The check of one part as Fastify's handlers know it: parameters and queries become numbers and booleans where the
 * schema says so. Headers stay text, since they are forwarded.
 */
export function partValidator(check: PartCheck): PartValidator {
  const validate = ((value: unknown) => {
    validate.errors = violationsIn(check, value)
    return validate.errors === null
  }) as PartValidator
  validate.errors = null
  return validate
}

function violationsIn(check: PartCheck, value: unknown): Violation[] | null {
  if (check.part === 'body') {
    // an unparsed stream would pass for an object
    if (typeof (value as { pipe?: unknown } | null)?.pipe === 'function') {
      return [{ in: 'body', pointer: '', expected: 'a media type that this route parses' }]
    }
    return check.json(value, Infinity)
  }
  if (typeof value !== 'object' || value === null) return check.json(value, 0)
  const values = value as Record<string, unknown>
  return check.part === 'headers' ? check.text(values) : check.text(values, 0, values)
}
