import type { Violation } from '../errors.ts'
import type { ApiParameter } from '../schema/types.ts'
import type { DocumentValidators } from './document-validators.ts'
import type { JsonSchema } from '../schema/json-schema.ts'
import { PartCheck } from '../schema/part-check.ts'
import type { Values } from './query-reader.ts'
import { type TextParameter, textParameter } from './text-parameter.ts'

/** The parameters of one place, and the check of their values. */
export class ParameterCheck {
  readonly parameters: readonly TextParameter[]
  readonly #hasPlainNames: boolean
  /** Of values that have been given the types of their schemas. */
  readonly #typed: PartCheck | null
  /** Of values in which texts stand for numbers and booleans; the others are not in it. */
  readonly #texts: PartCheck | null
  readonly #textParameters: readonly TextParameter[]
  readonly #validators: DocumentValidators

  /** @param part  how violations call the place */
  constructor(validators: DocumentValidators, declared: readonly ApiParameter[], part: string) {
    this.parameters = declared.map((parameter) => textParameter(validators.document, parameter, parameter.in))
    const texts = this.parameters.filter(({ typed }) => !typed)
    this.#typed = partCheck(
      validators,
      this.parameters.filter(({ typed }) => typed),
      part,
    )
    this.#texts = partCheck(validators, texts, part)
    this.#textParameters = texts
    this.#validators = validators
    this.#hasPlainNames = !this.parameters.some(({ name }) => name in {})
  }

  /** What values are put into. */
  values(): Values {
    // `__proto__` would be no value of a plain object
    return this.#hasPlainNames ? {} : Object.create(null)
  }

  /** @param size  bytes of what the values were read from */
  violations(values: Values, size: number): Violation[] | null {
    const typed = this.#typed === null ? null : this.#typed.json(values, size)
    if (this.#texts === null) return typed
    const texts: Values = Object.create(null)
    for (const { name, schemaPointer } of this.#textParameters) {
      if (values[name] !== undefined) texts[name] = this.#validators.texts.typed(schemaPointer, values[name])
    }
    const others = this.#texts.text(texts, size)
    return typed === null ? others : others === null ? typed : [...typed, ...others]
  }
}

function partCheck(
  validators: DocumentValidators,
  parameters: readonly TextParameter[],
  part: string,
): PartCheck | null {
  if (parameters.length === 0) return null
  const properties: Record<string, JsonSchema> = Object.create(null)
  for (const { name, schemaPointer } of parameters) {
    properties[name] = validators.schemas.reference(schemaPointer, 'request')
  }
  // one that came empty where it may is there, and has no value; who reads the query tells when it did not come
  const required = parameters
    .filter((parameter) => parameter.required && !parameter.allowEmptyValue)
    .map(({ name }) => name)
  return new PartCheck(
    validators.compiler({ type: 'object', properties, required }),
    part,
    `${part} in ${validators.document.name}`,
  )
}
