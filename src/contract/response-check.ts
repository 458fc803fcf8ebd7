import { isUtf8 } from 'node:buffer'
import type { Violation } from '../errors.ts'
import { SchemaValidator } from './schema-validator.ts'
import { violationsOf } from './violations.ts'

/** Says what is wrong with a response; null when nothing is, or when there is no schema for its status. */
export type ResponseCheck = (status: number, contentType: string | undefined, body: Buffer) => Violation[] | null

const validator = new SchemaValidator(false)
const JSON_TYPE = /^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i

/** @param responses  schemas by status: `200`, `2xx` or `default`, the nearest wins */
export function compileResponseCheck (responses: Record<string, object>): ResponseCheck {
  const byStatus = new Map(Object.entries(responses).map(([status, schema]) => [status.toLowerCase(), schema]))
  return (status, contentType, body) => {
    const schema = byStatus.get(String(status)) ?? byStatus.get(`${Math.floor(status / 100)}xx`) ?? byStatus.get('default')
    if (schema === undefined) return null
    if (body.length === 0 && (schema as { type?: string }).type === 'null') return null
    if (contentType === undefined || !JSON_TYPE.test(contentType)) return [{ in: 'headers', pointer: '/content-type', expected: 'application/json' }]
    let value: unknown
    try {
      if (!isUtf8(body)) throw new SyntaxError()
      value = JSON.parse(body.toString('utf8'))
    } catch {
      return [{ in: 'body', pointer: '', expected: 'well-formed JSON' }]
    }
    const validate = validator.compile(schema)
    return validate(value) ? null : violationsOf(validate.errors!, 'body')
  }
}
