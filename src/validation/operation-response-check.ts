import { isUtf8 } from 'node:buffer'
import type { Violation } from '../errors.ts'
import { joinViolations, violationAt } from '../schema/violations.ts'
import type { ApiHeader, ApiMedia, ApiOperation, ApiResponse } from '../schema/types.ts'
import type { DocumentValidators } from './document-validators.ts'
import type { JsonSchema } from '../schema/json-schema.ts'
import { bySpecificity, isInRange, isJson, isText, parseMediaType } from './media-type.ts'
import { headerValue } from './operation-check.ts'
import { PartCheck } from '../schema/part-check.ts'
import { type ResponseCheck, statusClass } from './response-check.ts'
import { MISWRITTEN, textParameter, writtenAs, type TextParameter } from './text-parameter.ts'
import { scalarValue, textShape } from './text-shape.ts'

/**
 * Makes the check of an operation's responses: status, media type, schema and headers. Validators are compiled by the
 * first response that needs them.
 */
export function compileOperationResponseCheck(validators: DocumentValidators, operation: ApiOperation): ResponseCheck {
  const byStatus = new Map(
    operation.responses.map((response) => [response.status.toUpperCase(), new ResponseParts(validators, response)]),
  )
  const allowed = [...byStatus.keys()].join(', ')
  // an operation without responses allows any
  if (byStatus.size === 0) return Object.assign(() => null, { reads: () => false })
  const check = (
    status: number,
    contentType: string | undefined,
    body: Buffer | null,
    headers?: Record<string, unknown>,
  ): Violation[] | null => {
    const parts = byStatus.get(String(status)) ?? byStatus.get(`${statusClass(status)}XX`) ?? byStatus.get('DEFAULT')
    if (parts === undefined) return [{ in: 'status', pointer: '', expected: allowed }]
    const found = parts.contentViolations(contentType, body)
    return headers === undefined ? found : joinViolations(found, parts.headerViolations(headers))
  }
  return Object.assign(check, { reads })
}

/** Whether a body is read: JSON and text are; an event stream is not, since it has no end. */
const reads = (contentType: string | undefined): boolean =>
  contentType !== undefined &&
  (isJson(contentType) || (isText(contentType) && !/^text\/event-stream\b/i.test(contentType)))

class ResponseParts {
  readonly #validators: DocumentValidators
  readonly #content: readonly ApiMedia[]
  readonly #checks = new Map<ApiMedia, PartCheck>()
  readonly #headers: readonly TextParameter[]
  readonly #headerCheck: PartCheck | null

  constructor(validators: DocumentValidators, { content, headers }: ApiResponse) {
    this.#validators = validators
    this.#content = bySpecificity(content)
    // OpenAPI 3.1, section 4.8.17.1: `content` describes this header
    const named = headers
      .filter(({ name }) => name.toLowerCase() !== 'content-type')
      .map((header) => ({ ...header, name: header.name.toLowerCase() }))
    this.#headers = named.map((header) => textParameter(validators.document, { ...header, style: 'simple' }, 'header'))
    this.#headerCheck =
      named.length === 0
        ? null
        : new PartCheck(
            validators.compiler(headersSchema(validators, named)),
            'headers',
            `the headers of a response in ${validators.document.name}`,
          )
  }

  contentViolations(contentType: string | undefined, body: Buffer | null): Violation[] | null {
    // a response without declared content may have any
    if (this.#content.length === 0) return null
    if ((body === null || body.length === 0) && contentType === undefined) {
      return this.#content.every(({ schemaPointer }) => schemaPointer === null)
        ? null
        : [{ in: 'body', pointer: '', expected: 'a body' }]
    }
    const type = contentType === undefined ? undefined : parseMediaType(contentType)?.type
    const media = type === undefined ? undefined : this.#content.find((candidate) => isInRange(type, candidate.type))
    if (type === undefined || media === undefined) {
      return [violationAt('headers', 'content-type', this.#content.map((candidate) => candidate.type).join(', '))]
    }
    if (body === null) return null
    if (isJson(type)) return this.#jsonViolations(media, body)
    return isText(type) && type !== 'text/xml' && media.schemaPointer !== null
      ? this.#textViolations(media, media.schemaPointer, body)
      : null
  }

  headerViolations(headers: Record<string, unknown>): Violation[] | null {
    if (this.#headerCheck === null) return null
    const values: Record<string, unknown> = Object.create(null)
    for (const parameter of this.#headers) {
      const { name } = parameter
      if (headers[name] === undefined) continue
      const value = headerValue(parameter, headers[name])
      if (value === MISWRITTEN) return [violationAt('headers', name, writtenAs(parameter))]
      values[name] = this.#validators.texts.typed(parameter.schemaPointer, value)
    }
    return this.#headerCheck.text(values)
  }

  #jsonViolations(media: ApiMedia, body: Buffer): Violation[] | null {
    let value: unknown
    try {
      if (!isUtf8(body)) throw new SyntaxError()
      value = JSON.parse(body.toString('utf8'))
    } catch {
      return [{ in: 'body', pointer: '', expected: 'well-formed JSON' }]
    }
    return media.schemaPointer === null ? null : this.#checkOf(media).json(value, body.length)
  }

  #textViolations(media: ApiMedia, pointer: string, body: Buffer): Violation[] | null {
    const { scalar } = textShape(this.#validators.document.root, pointer)
    const text = body.toString('utf8')
    return this.#checkOf(media).json(scalar === null ? text : scalarValue(text, scalar), body.length)
  }

  #checkOf(media: ApiMedia): PartCheck {
    let check = this.#checks.get(media)
    if (!check) {
      const { schemas, document } = this.#validators
      check = new PartCheck(
        this.#validators.compiler(schemas.reference(media.schemaPointer, 'response')),
        'body',
        `a response in ${document.name}`,
      )
      this.#checks.set(media, check)
    }
    return check
  }
}

function headersSchema({ schemas }: DocumentValidators, headers: readonly ApiHeader[]): JsonSchema {
  const properties: Record<string, JsonSchema> = Object.create(null)
  for (const { name, schemaPointer } of headers) properties[name] = schemas.reference(schemaPointer, 'response')
  return { type: 'object', properties, required: headers.filter(({ required }) => required).map(({ name }) => name) }
}
