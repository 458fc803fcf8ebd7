import type { Readable } from 'node:stream'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { gatehouseError, type Violation } from '../errors.ts'
import { atPointer } from '../schema/json-pointer.ts'
import { isObject } from '../schema/json-schema.ts'
import { PartCheck } from '../schema/part-check.ts'
import type { ValueKind } from '../schema/schema-validator.ts'
import type { ApiBody, ApiMedia } from '../schema/types.ts'
import { checkUtf8, parseJson, mediaOfBody } from './body-parsers.ts'
import { collectBody, holdBodies } from './collected-body.ts'
import type { DocumentValidators } from './document-validators.ts'
import { FormFields, multipartParts, type ReadFields } from './form-fields.ts'
import { bySpecificity, isForm, isInRange, isJson, isText, type MediaType } from './media-type.ts'
import { scalarValue, textShape, type Scalar } from './text-shape.ts'

type Reading = 'json' | 'form' | 'multipart' | 'text' | 'binary'

/** A body that has been read. */
export interface ReadBody {
  value: unknown
  kind: ValueKind
  violations: Violation[] | null
}

/** Reads and checks the bodies of one media type of an operation. */
export class MediaBody {
  /** How bodies are read; null when they are forwarded unread. */
  readonly reading: Reading | null
  readonly #check: PartCheck
  readonly #fields: FormFields | null
  readonly #scalar: Scalar | null
  readonly #typed: (value: unknown) => unknown

  /** @param type  the exact type of the body; the document may state a range */
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
        checkUtf8(bytes)
        return this.#formBody(this.#fields!.fromLine(bytes.toString('utf8')))
      case 'multipart':
        return multipartParts(bytes, boundaries).then((parts) => this.#formBody(this.#fields!.fromParts(parts)))
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
    // a value that could not be read would be reported as missing
    if (violations !== null) return violations
    return kind === 'text'
      ? this.#check.text(this.#typed(value) as Record<string, unknown>, size)
      : this.#check.json(value, size)
  }

  #formBody({ values, violations }: ReadFields): ReadBody {
    return { value: values, kind: this.#fields!.typed ? 'json' : 'text', violations }
  }
}

/** The body of an operation: its media types, and the check of each. */
export class OperationBody {
  readonly required: boolean
  /** The allowed media types, for messages. */
  readonly allowed: string
  readonly #validators: DocumentValidators
  readonly #content: readonly ApiMedia[]
  readonly #known = new Map<string, MediaBody | null>()

  constructor(validators: DocumentValidators, { required, content }: ApiBody) {
    this.required = required
    this.allowed = content.map(({ type }) => type).join(', ')
    this.#validators = validators
    this.#content = bySpecificity(content)
  }

  /** The check for a media type; null when the document does not allow it. */
  mediaOf(type: string): MediaBody | null {
    let known = this.#known.get(type)
    if (known === undefined) {
      const media = this.#content.find((candidate) => isInRange(type, candidate.type))
      known = media === undefined ? null : new MediaBody(this.#validators, media, type)
      // bounded, since clients can send any type
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
  // bytes can only be checked for their length
  const schema = atPointer(root, schemaPointer)
  const isBytes =
    textShape(root, schemaPointer).scalar === 'string' ||
    (isObject(schema) && schema.type === undefined && schema.contentMediaType !== undefined)
  return isBytes && isObject(schema) && (schema.maxLength !== undefined || schema.minLength !== undefined)
    ? 'binary'
    : null
}

/** The result of reading a body. */
export interface OperationBodyState {
  /** Null when the document does not allow the media type. */
  media: MediaBody | null
  /** Null when the body was not read. */
  read: ReadBody | null
  /** Why it could not be read. */
  violation: Violation | null
  isEmpty: boolean
  /** Whether it is forwarded although it could not be checked. */
  isUnchecked: boolean
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The check of the operation; set by the gateway. */
    operationCheck?: { readonly body: OperationBody | null }
  }
  interface FastifyRequest {
    /** The result of reading the body; null when there is no body. */
    operationBody: OperationBodyState | null
  }
}

/**
 * Reads the bodies of a scope by the API documents of its routes. In the mode `enforce` a body that cannot be checked
 * is refused; in the mode `report` it is forwarded unchanged. At most the `bodyLimit` of the route is collected.
 */
export function readOperationBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  holdBodies(app)
  app.addContentTypeParser('*', (request: FastifyRequest, payload: Readable) => {
    const {
      routeOptions: {
        config: { operationCheck, requestValidation },
        bodyLimit,
      },
    } = request
    const body = operationCheck?.body
    if (!body) return Promise.resolve(payload)
    const state = (request.operationBody = {
      media: null,
      read: null,
      violation: null,
      isEmpty: isEmpty(request),
      isUnchecked: false,
    })
    return requestValidation === 'report'
      ? readQuietly(request, payload, body, state, bodyLimit)
      : readStrictly(request, payload, body, state, bodyLimit)
  })
}

const isEmpty = ({ headers }: FastifyRequest): boolean =>
  headers['transfer-encoding'] === undefined && headers['content-length'] === '0'

/** Mode `enforce`: refuses a body that cannot be checked. */
async function readStrictly(
  request: FastifyRequest,
  payload: Readable,
  body: OperationBody,
  state: OperationBodyState,
  limit: number,
): Promise<unknown> {
  if (state.isEmpty) return undefined
  const type = mediaOfBody(request)
  const media = (state.media = body.mediaOf(type.type))
  if (media === null) {
    throw gatehouseError('GW_UNSUPPORTED_MEDIA_TYPE', {
      detail: `A body in ${type.type} is not accepted here: send one in ${body.allowed}.`,
    })
  }
  if (media.reading === null) return payload
  if (Number(request.headers['content-length'] ?? 0) > limit) {
    throw gatehouseError('GW_BODY_TOO_LARGE', { headers: { connection: 'close' } })
  }
  const bytes = await collectBody(payload, limit, request.heldBody)
  request.rawBody = bytes
  return read(media, bytes, type, state)
}

/** Mode `report`: forwards every body, and notes what was wrong with it. */
async function readQuietly(
  request: FastifyRequest,
  payload: Readable,
  body: OperationBody,
  state: OperationBodyState,
  limit: number,
): Promise<unknown> {
  if (state.isEmpty) return payload
  const coding = request.headers['content-encoding']
  if (coding !== undefined && coding.toLowerCase() !== 'identity') {
    state.isUnchecked = true
    return payload
  }
  let type: MediaType
  try {
    type = mediaOfBody(request)
  } catch (error) {
    state.violation = { in: 'headers', pointer: '/content-type', expected: (error as Error).message }
    return payload
  }
  const media = (state.media = body.mediaOf(type.type))
  if (media === null) {
    state.violation = { in: 'headers', pointer: '/content-type', expected: body.allowed }
    return payload
  }
  if (media.reading === null) return payload
  const length = Number(request.headers['content-length'] ?? NaN)
  if (!(length <= limit)) {
    state.isUnchecked = true
    return payload
  }
  const bytes = await collectBody(payload, limit, request.heldBody)
  request.rawBody = bytes
  try {
    return await read(media, bytes, type, state)
  } catch (error) {
    state.violation = { in: 'body', pointer: '', expected: (error as Error).message }
    return bytes
  }
}

async function read(media: MediaBody, bytes: Buffer, type: MediaType, state: OperationBodyState): Promise<unknown> {
  // a chunked body without any chunk
  if (bytes.length === 0) {
    state.isEmpty = true
    return undefined
  }
  state.read = await media.read(bytes, type)
  return state.read.value
}
