import { gatehouseError, type GatehouseError, type Violation } from '../errors.ts'
import { isForm, isText } from './media-type.ts'
import type { PartCheck } from '../schema/part-check.ts'

/** Most violations that one answer lists. */
const MOST = 100

/** What of a request is checked. */
export interface CheckedRequest {
  params: unknown
  query: unknown
  headers: Record<string, unknown>
  body?: unknown
  rawBody?: Buffer
}

/** Checks every part of a request in one go, so that its sender learns of all that is wrong; changes nothing of it. */
export class RequestCheck {
  readonly #parts: PartCheck[] = []

  add(part: PartCheck): void {
    this.#parts.push(part)
  }

  /** GW_VALIDATION with every violation, or undefined when the request is valid. */
  error(request: CheckedRequest): GatehouseError | undefined {
    let all: Violation[] | undefined
    for (let i = 0; i < this.#parts.length; i++) {
      const violations = violationsOfPart(this.#parts[i]!, request)
      if (violations !== null) all = all === undefined ? violations : [...all, ...violations]
    }
    return all && gatehouseError('GW_VALIDATION', { extensions: { errors: all.slice(0, MOST) } })
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
  // bytes that nothing parses are text to a schema: `{ type: 'string', maxLength: 100 }`
  if (Buffer.isBuffer(body)) return check.json(body.toString(isText(type) ? 'utf8' : 'latin1'), size)
  if (isForm(type)) return check.text(body as Record<string, unknown>, size)
  return check.json(body, size)
}
