import { isUtf8 } from 'node:buffer'
import type { Violation } from '../errors.ts'
import { isJson, isText } from './media-type.ts'
import { PartCheck } from '../schema/part-check.ts'
import { schemaMistakes } from '../schema/schema-validator.ts'
import { selfContained } from '../schema/self-contained-schema.ts'

/** Finds the violations of a response; null when it is valid, or when no schema applies to its status. */
export interface ResponseCheck {
  /** @param body  null when the content was not read */
  (
    status: number,
    contentType: string | undefined,
    body: Buffer | null,
    headers?: Record<string, unknown>,
  ): Violation[] | null
  /**
   * Whether the check reads the content of a media type; of others it checks only status and headers. Absent when it
   * reads all content and no headers.
   */
  readonly reads?: (contentType: string | undefined) => boolean
}

/**
 * Makes the check of a route's responses. Validators are compiled by the first response that needs them.
 * @param responses  schemas by status: `200`, `2xx` or `default`; the most specific is used
 */
export function compileResponseCheck(responses: Record<string, object>): ResponseCheck {
  const byStatus = new Map(
    Object.entries(responses).map(([status, schema]) => [status.toLowerCase(), checkOf(schema, status)]),
  )
  return (status, contentType, body) => {
    const check = byStatus.get(String(status)) ?? byStatus.get(`${statusClass(status)}xx`) ?? byStatus.get('default')
    if (check === undefined) return null
    const value = valueOf(contentType, body ?? Buffer.alloc(0))
    return 'violation' in value ? unlessEmpty(value, check) : check.json(value.value, body?.length ?? 0)
  }
}

/** First digit of the class of a status; one beyond the classes counts as a server error (RFC 9110, section 15). */
export const statusClass = (status: number): number => Math.min(Math.floor(status / 100), 5)

/** Describes the mistakes in the schemas of responses, each with its status; empty when there are none. */
export function responseMistakes(responses: Record<string, object>): string[] {
  return Object.entries(responses).flatMap(([status, response]) => {
    const { schema, mistakes } = selfContained(response)
    return (mistakes.length > 0 ? mistakes : schemaMistakes(schema)).map((mistake) => `${status}: ${mistake}`)
  })
}

const checkOf = (response: object, status: string): PartCheck =>
  new PartCheck(selfContained(response).schema, 'body', `response ${status}`)

type Value = { value: unknown } | { violation: Violation; empty: boolean }

function valueOf(contentType: string | undefined, body: Buffer): Value {
  if (contentType === undefined || !isJson(contentType)) {
    if (body.length > 0 && contentType !== undefined && isText(contentType)) return { value: body.toString('utf8') }
    return {
      empty: body.length === 0,
      violation: { in: 'headers', pointer: '/content-type', expected: 'application/json' },
    }
  }
  try {
    if (isUtf8(body)) return { value: JSON.parse(body.toString('utf8')) }
  } catch {}
  return { empty: body.length === 0, violation: { in: 'body', pointer: '', expected: 'well-formed JSON' } }
}

/** Allows an empty body when the schema allows `null`. */
function unlessEmpty(
  { violation, empty }: Extract<Value, { violation: Violation }>,
  check: PartCheck,
): Violation[] | null {
  return empty && check.json(null, 0) === null ? null : [violation]
}
