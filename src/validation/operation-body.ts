import type { Violation } from '../errors.ts'
import type { ApiBody, ApiMedia } from '../schema/types.ts'
import { checkUtf8, parseJson } from './body-parsers.ts'
import type { DocumentValidators } from './document-validators.ts'
import { FormFields } from './form-fields.ts'
import { atPointer, isObject } from '../schema/json-schema.ts'
import { isForm, isInRange, isJson, isText, type MediaType } from './media-type.ts'
import { multipartParts } from './multipart-parts.ts'
import { PartCheck } from '../schema/part-check.ts'
import type { ValueKind } from '../schema/schema-validator.ts'
import { type Scalar, scalarValue, textShape } from './text-shape.ts'

type Reading = 'json' | 'form' | 'multipart' | 'text' | 'binary'

/** A body that has been read. */
export interface ReadBody {
  value: unknown
  kind: ValueKind
  violations: Violation[] | null
}

/** Bodies of one media type of an operation. */
export class MediaBody {
  /** How they are read to be checked; null when they go on unread. */
  readonly reading: Reading | null
  readonly #check: PartCheck
  readonly #fields: FormFields | null
  readonly #scalar: Scalar | null
  readonly #typed: (value: unknown) => unknown

  /** @param type  what a body is, where the document may have a range */
  constructor(validators: DocumentValidators, media: ApiMedia, type: string) {
    const { document, schemas, texts } = validators
    this.#typed = (value) => texts.typed(media.schemaPointer, value)
    this.reading = readingOf(document.root, media, type)
    this.#check = new PartCheck(
      validators.compiler(schemas.reference(media.schemaPointer, 'request')),
      'body',
      `a body in ${document.name}`,
    )
    this.#scalar = textShape(document.root, media.schemaPointer).scalar
    this.#fields = this.reading === 'form' || this.reading === 'multipart' ? new FormFields(document, media) : null
  }

  /** @throws GW_MALFORMED_BODY */
  read(bytes: Buffer, { boundaries }: MediaType): ReadBody | Promise<ReadBody> {
    switch (this.reading) {
      case 'json':
        checkUtf8(bytes)
        return { value: parseJson(bytes), kind: 'json', violations: null }
      case 'form':
        return this.#readForm(bytes)
      case 'multipart':
        return this.#readParts(bytes, boundaries)
      case 'text':
        checkUtf8(bytes)
        return {
          value: this.#scalar === null ? bytes.toString('utf8') : scalarValue(bytes.toString('utf8'), this.#scalar),
          kind: 'json',
          violations: null,
        }
      default:
        return { value: bytes.toString('latin1'), kind: 'json', violations: null }
    }
  }

  /** @param size  bytes of the body */
  violations({ value, kind, violations }: ReadBody, size: number): Violation[] | null {
    // what could not be read would be missing
    if (violations !== null) return violations
    return kind === 'text'
      ? this.#check.text(this.#typed(value) as Record<string, unknown>, size)
      : this.#check.json(value, size)
  }

  #readForm(bytes: Buffer): ReadBody {
    checkUtf8(bytes)
    const { values, violations } = this.#fields!.fromLine(bytes.toString('utf8'))
    return { value: values, kind: this.#fields!.typed ? 'json' : 'text', violations }
  }

  async #readParts(bytes: Buffer, boundaries: readonly string[]): Promise<ReadBody> {
    const { values, violations } = this.#fields!.fromParts(await multipartParts(bytes, boundaries))
    return { value: values, kind: this.#fields!.typed ? 'json' : 'text', violations }
  }
}

/** The body of an operation: which media types it may have, and the check of each. */
export class OperationBody {
  readonly required: boolean
  /** What a client may send, for people to read. */
  readonly allowed: string
  readonly #validators: DocumentValidators
  readonly #content: readonly ApiMedia[]
  readonly #known = new Map<string, MediaBody | null>()

  constructor(validators: DocumentValidators, { required, content }: ApiBody) {
    this.required = required
    this.allowed = content.map(({ type }) => type).join(', ')
    this.#validators = validators
    // an exact type before a range, and a longer range before a shorter one
    this.#content = [...content].sort(
      (a, b) => Number(a.type.includes('*')) - Number(b.type.includes('*')) || b.type.length - a.type.length,
    )
  }

  /** Null when the document does not have the media type. */
  mediaOf(type: string): MediaBody | null {
    let known = this.#known.get(type)
    if (known === undefined) {
      const media = this.#content.find((candidate) => isInRange(type, candidate.type))
      known = media === undefined ? null : new MediaBody(this.#validators, media, type)
      // clients invent types; those of the document are few
      if (this.#known.size < 100) this.#known.set(type, known)
    }
    return known
  }
}

function readingOf(root: unknown, { schemaPointer }: ApiMedia, type: string): Reading | null {
  if (isJson(type)) return 'json'
  if (isForm(type)) return 'form'
  if (type === 'multipart/form-data') return 'multipart'
  if (schemaPointer === null || /^multipart\/|^(?:text|application)\/xml$|\+xml$/.test(type)) return null
  if (isText(type)) return 'text'
  // only a length can be said of bytes
  const schema = atPointer(root, schemaPointer)
  const isBytes =
    textShape(root, schemaPointer).scalar === 'string' ||
    (isObject(schema) && schema.type === undefined && schema.contentMediaType !== undefined)
  return isBytes && isObject(schema) && (schema.maxLength !== undefined || schema.minLength !== undefined)
    ? 'binary'
    : null
}
