import { Ajv2020, type Options, type ValidateFunction } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'

const OPTIONS: Options = { allErrors: true, strict: false, useDefaults: false, removeAdditional: false, validateFormats: true, discriminator: true }

/** A set of validators that share options; equal schemas share one validator. */
export class SchemaValidator {
  readonly #ajv: Ajv2020
  readonly #byText = new Map<string, ValidateFunction>()

  /** @param coerceTypes  whether text may stand for numbers and booleans: for parameters, queries and headers */
  constructor (coerceTypes: boolean | 'array') {
    this.#ajv = new Ajv2020({ ...OPTIONS, coerceTypes })
    ;(formats as unknown as (ajv: Ajv2020) => void)(this.#ajv)
    this.#ajv.addKeyword('example')
  }

  /** What is wrong with a schema; null when it is right. Cheap, so that booting stays fast. */
  mistake (schema: object): string | null {
    return this.#ajv.validateSchema(schema) ? null : this.#ajv.errorsText(this.#ajv.errors, { dataVar: 'schema' })
  }

  /** The validator of a schema, compiled at the first call. */
  compile (schema: object): ValidateFunction {
    const text = JSON.stringify(schema)
    let validate = this.#byText.get(text)
    if (!validate) {
      validate = this.#ajv.compile(JSON.parse(text))
      this.#byText.set(text, validate)
    }
    return validate
  }
}
