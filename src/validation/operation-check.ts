import type { Violation } from '../errors.ts'
import { joinViolations, violationAt } from '../schema/violations.ts'
import type { JsonSchema } from '../schema/json-schema.ts'
import { PartCheck } from '../schema/part-check.ts'
import { IGNORED_HEADERS, type ApiOperation, type ApiParameter } from '../schema/types.ts'
import { CookieReader } from './cookie-reader.ts'
import type { DocumentValidators } from './document-validators.ts'
import { OperationBody, type OperationBodyState } from './operation-body.ts'
import { PathReader } from './path-reader.ts'
import { expectedName, QueryReader, type Values } from './query-reader.ts'
import { MISWRITTEN, valueOfText, writtenAs, textParameter, type TextParameter } from './text-parameter.ts'

/** Parts of a request that can be checked. */
export type RequestPart = 'params' | 'query' | 'headers' | 'cookies' | 'body'

/** The parts of a request that are checked; none is changed. */
export interface OperationRequest {
  params: unknown
  headers: Record<string, unknown>
  raw: { url?: string | undefined }
  rawBody?: Buffer
  operationBody?: OperationBodyState | null
}

/** Finds violations in the requests of one operation. */
export interface OperationCheck {
  /** Null when there is no body that can be checked. */
  readonly body: OperationBody | null
  /** Null when the request is valid. */
  violations(request: OperationRequest): Violation[] | null
}

type PartOfRequest = (request: OperationRequest) => Violation[] | null

/** Methods whose content has no meaning (RFC 9110, sections 9.3.1 and 9.3.2). */
const WITHOUT_BODY = new Set(['GET', 'HEAD', 'TRACE'])

/**
 * Makes the check of one operation. It reads the raw request line and headers; validators are compiled by the first
 * request that needs them.
 * @param options.skip  parts that the route checks by a schema of its own
 */
export function compileOperationCheck(
  validators: DocumentValidators,
  operation: ApiOperation,
  { skip = new Set() }: { skip?: ReadonlySet<RequestPart> } = {},
): OperationCheck {
  const parts: PartOfRequest[] = []
  const add = (
    part: RequestPart,
    place: ApiParameter['in'],
    compile: (check: ParameterCheck) => PartOfRequest,
  ): void => {
    const declared = operation.parameters
      .filter((parameter) => parameter.in === place)
      .map((parameter) => (place === 'header' ? { ...parameter, name: parameter.name.toLowerCase() } : parameter))
      .filter(({ name }) => place !== 'header' || !IGNORED_HEADERS.has(name))
    if (declared.length > 0 && !skip.has(part)) parts.push(compile(new ParameterCheck(validators, declared, part)))
  }
  add('params', 'path', (check) => pathPart(check, operation.path))
  add('query', 'query', queryPart)
  add('headers', 'header', headerPart)
  add('cookies', 'cookie', cookiePart)
  const body =
    operation.body === null || skip.has('body') || WITHOUT_BODY.has(operation.method)
      ? null
      : new OperationBody(validators, operation.body)
  if (body !== null) parts.push((request) => bodyViolations(body, request))
  return { body, violations: parts.length === 1 ? parts[0]! : (request) => allViolations(parts, request) }
}

function allViolations(parts: readonly PartOfRequest[], request: OperationRequest): Violation[] | null {
  let all: Violation[] | null = null
  for (let i = 0; i < parts.length; i++) all = joinViolations(all, parts[i]!(request))
  return all
}

function pathPart(check: ParameterCheck, path: string): PartOfRequest {
  const reader = new PathReader(path, check.parameters)
  return ({ params, raw }) => {
    const values = check.values()
    const miswritten = reader.read(params as Record<string, string>, raw.url!, values)
    return miswritten ?? check.violations(values, 0)
  }
}

function queryPart(check: ParameterCheck): PartOfRequest {
  const reader = new QueryReader(check.parameters, 'query')
  const isRequired = check.parameters.some(({ required }) => required)
  return ({ raw: { url } }) => {
    const at = url!.indexOf('?')
    if (at === -1 && !isRequired) return null
    const values = check.values()
    const query = at === -1 ? '' : url!.slice(at + 1)
    return reader.read(query, values) ?? check.violations(values, query.length)
  }
}

/** Header names with characters that CGI, WSGI and similar interfaces do not distinguish from a hyphen. */
const UNUSUAL = /[^a-z0-9-]/
const plainHeader = (name: string): string => name.replace(/[^a-z0-9]/g, '-')

function headerPart(check: ParameterCheck): PartOfRequest {
  const declared = new Set(check.parameters.map(({ name }) => name))
  const alike = new Map(check.parameters.map(({ name }) => [plainHeader(name), name]))
  return ({ headers }) => {
    const values = check.values()
    let violations: Violation[] | null = null
    for (const name in headers) {
      if (!UNUSUAL.test(name) || declared.has(name)) continue
      const other = alike.get(plainHeader(name))
      if (other !== undefined) (violations ??= []).push(violationAt('headers', other, expectedName(other)))
    }
    for (const parameter of check.parameters) {
      const { name } = parameter
      if (!Object.hasOwn(headers, name)) continue
      const value = headerValue(parameter, headers[name])
      if (value === MISWRITTEN) (violations ??= []).push(violationAt('headers', name, writtenAs(parameter)))
      else values[name] = value
    }
    return violations ?? check.violations(values, 0)
  }
}

/** Reads the value of a header; repeated lines are one list (RFC 9110, section 5.2). */
export function headerValue(parameter: TextParameter, came: unknown): unknown {
  const text = Array.isArray(came) ? came.join(',') : String(came)
  // RFC 9110, section 5.6.1: spaces around the members of a list do not belong to them
  return valueOfText(
    parameter,
    parameter.shape.list || parameter.shape.object ? text.replaceAll(/[ \t]*,[ \t]*/g, ',').trim() : text,
  )
}

function cookiePart(check: ParameterCheck): PartOfRequest {
  const reader = new CookieReader(check.parameters)
  return ({ headers: { cookie } }) => {
    const values = check.values()
    const text = typeof cookie === 'string' ? cookie : ''
    return reader.read(text, values) ?? check.violations(values, text.length)
  }
}

function bodyViolations({ required }: OperationBody, { operationBody, rawBody }: OperationRequest): Violation[] | null {
  if (!operationBody || operationBody.isEmpty) {
    return required ? [{ in: 'body', pointer: '', expected: 'a body' }] : null
  }
  const { violation, media, read } = operationBody
  if (violation !== null) return [violation]
  return media === null || read === null ? null : media.violations(read, rawBody?.length ?? Infinity)
}

/** The parameters of one place, and the check of their values. */
class ParameterCheck {
  readonly parameters: readonly TextParameter[]
  readonly #hasPlainNames: boolean
  /** Checks values that were already converted to the types of their schemas. */
  readonly #typed: PartCheck | null
  /** Checks the other values, in which texts stand for numbers and booleans. */
  readonly #texts: PartCheck | null
  readonly #textParameters: readonly TextParameter[]
  readonly #validators: DocumentValidators

  /** @param part  name of the place in violations */
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

  /** An empty object for values. */
  values(): Values {
    // in a plain object, `__proto__` could not be a value
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
    return joinViolations(typed, this.#texts.text(texts, size))
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
  // a parameter that may be empty is present without a value; the query reader checks that it is present
  const required = parameters
    .filter((parameter) => parameter.required && !parameter.allowEmptyValue)
    .map(({ name }) => name)
  return new PartCheck(
    validators.compiler({ type: 'object', properties, required }),
    part,
    `${part} in ${validators.document.name}`,
  )
}
