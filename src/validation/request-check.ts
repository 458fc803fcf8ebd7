import { gatehouseError, type GatehouseError, type Violation } from '../errors.ts'
import { isObject, walkSchema, type JsonSchema, type SchemaObject } from '../schema/json-schema.ts'
import { PartCheck } from '../schema/part-check.ts'
import { schemaMistakes } from '../schema/schema-validator.ts'
import { joinViolations } from '../schema/violations.ts'
import { selfContained } from '../schema/self-contained-schema.ts'
import { isForm, isText } from './media-type.ts'

/** Most violations that one answer lists. */
const MOST = 100

/** The parts of a request that are checked. */
export interface CheckedRequest {
  params: unknown
  query: unknown
  headers: Record<string, unknown>
  body?: unknown
  rawBody?: Buffer
}

/**
 * Checks all parts of a request together, so that the client gets every violation at once. Does not change the request.
 */
export class RequestCheck {
  readonly #parts: PartCheck[] = []

  add(part: PartCheck): void {
    this.#parts.push(part)
  }

  /** GW_VALIDATION with every violation, or undefined when the request is valid. */
  error(request: CheckedRequest): GatehouseError | undefined {
    let all: Violation[] | null = null
    for (let i = 0; i < this.#parts.length; i++) all = joinViolations(all, violationsOfPart(this.#parts[i]!, request))
    return all === null ? undefined : gatehouseError('GW_VALIDATION', { extensions: { errors: all.slice(0, MOST) } })
  }
}

function violationsOfPart(check: PartCheck, request: CheckedRequest): Violation[] | null {
  switch (check.part) {
    case 'params':
      return check.text(request.params as Record<string, unknown>)
    case 'query':
      return check.text(request.query as Record<string, unknown>)
    case 'headers':
      return check.text(request.headers)
    default:
      return violationsOfBody(check, request)
  }
}

function violationsOfBody(check: PartCheck, { body, rawBody, headers }: CheckedRequest): Violation[] | null {
  if (body === undefined) return check.json(null, 0) === null ? null : [{ in: 'body', pointer: '', expected: 'a body' }]
  const size = rawBody?.length ?? Infinity
  const type = String(headers['content-type'])
  // a schema sees bytes that are not parsed as text: `{ type: 'string', maxLength: 100 }`
  if (Buffer.isBuffer(body)) return check.json(body.toString(isText(type) ? 'utf8' : 'latin1'), size)
  if (isForm(type)) return check.text(body as Record<string, unknown>, size)
  return check.json(body, size)
}

/**
 * Writes the header names in a schema in lower case, as Node delivers them (names are case-insensitive, RFC 9110,
 * section 5.1). Changes the schema in place.
 */
export function lowerCaseHeaderNames(schema: JsonSchema): JsonSchema {
  walkSchema(schema, (found) => {
    // the values of headers are strings, so every object in such a schema is the headers themselves
    for (const keyword of ['properties', 'dependentSchemas', 'dependentRequired', 'dependencies']) {
      if (isObject(found[keyword])) found[keyword] = lowerCaseKeys(found[keyword])
    }
    if (Array.isArray(found.required)) found.required = found.required.map(lowerCase)
    if (typeof found.propertyNames === 'object') lowerCaseNameSchema(found.propertyNames)
  })
  return schema
}

const lowerCase = (name: unknown): unknown => (typeof name === 'string' ? name.toLowerCase() : name)

function lowerCaseKeys(map: SchemaObject): SchemaObject {
  return Object.fromEntries(
    Object.entries(map).map(([name, value]) => [
      name.toLowerCase(),
      Array.isArray(value) ? value.map(lowerCase) : value,
    ]),
  )
}

function lowerCaseNameSchema(schema: SchemaObject): void {
  walkSchema(schema, (found) => {
    if (Array.isArray(found.enum)) found.enum = found.enum.map(lowerCase)
    if ('const' in found) found.const = lowerCase(found.const)
  })
}

/** A schema that was examined, and its check. */
interface CheckedSchema {
  check: PartCheck
  /** The schema, self-contained. */
  schema: JsonSchema
  /** Mistakes in the schema; if there are any, its check must not be used. */
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

/** The validator that Fastify calls for one part of a request. */
interface PartValidator {
  (value: unknown): boolean
  errors: Violation[] | null
}

/**
 * Makes a validator for handlers written by hand. As usual in Fastify, parameters and queries become numbers and
 * booleans where the schema says so. Headers stay text, since they are forwarded.
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
    // an unparsed stream would pass as an object
    if (typeof (value as { pipe?: unknown } | null)?.pipe === 'function') {
      return [{ in: 'body', pointer: '', expected: 'a media type that this route parses' }]
    }
    return check.json(value, Infinity)
  }
  if (typeof value !== 'object' || value === null) return check.json(value, 0)
  const values = value as Record<string, unknown>
  return check.part === 'headers' ? check.text(values) : check.text(values, 0, values)
}
