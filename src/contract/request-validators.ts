import { type Violation } from '../errors.ts'
import { SchemaValidator } from './schema-validator.ts'
import { violationsOf } from './violations.ts'

/** What Fastify calls for each part of a request. */
export interface PartValidator {
  (value: unknown): boolean
  errors: Violation[] | null
}

/** Makes the validators of a gateway's routes. Schemas are checked at boot, and compiled when the first request needs them. */
export class RequestValidators {
  readonly #literal = new SchemaValidator(false)
  readonly #text = new SchemaValidator('array')

  /**
   * @param part  `params`, `querystring`, `headers` or `body`
   * @throws Error when the schema is not a JSON Schema
   */
  compile (schema: object, part: string): PartValidator {
    const validators = part === 'body' ? this.#literal : this.#text
    const mistake = validators.mistake(schema)
    if (mistake !== null) throw new Error(`schema.${part} is not a JSON Schema: ${mistake}`)
    let compiled: ReturnType<SchemaValidator['compile']> | null = null
    const validate = ((value: unknown) => {
      compiled ??= validators.compile(schema)
      if (compiled(value)) return true
      validate.errors = violationsOf(compiled.errors!, part)
      return false
    }) as PartValidator
    validate.errors = null
    return validate
  }
}
