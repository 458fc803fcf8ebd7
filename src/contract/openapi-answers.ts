import { ERRORS, type ErrorCode } from '../errors.ts'
import type { SchemaObject } from './json-schema.ts'

/** Which codes stand behind a status that a document shows, and the name of that shared response. */
const ANSWERS: Record<string, { name: string, codes: ErrorCode[], headers?: string[] }> = {
  400: { name: 'BadRequest', codes: ['GW_VALIDATION', 'GW_MALFORMED_BODY'] },
  401: { name: 'Unauthorized', codes: ['GW_UNAUTHORIZED'], headers: ['WWW-Authenticate'] },
  403: { name: 'Forbidden', codes: ['GW_FORBIDDEN'], headers: ['WWW-Authenticate'] },
  413: { name: 'BodyTooLarge', codes: ['GW_BODY_TOO_LARGE'] },
  415: { name: 'UnsupportedMediaType', codes: ['GW_UNSUPPORTED_MEDIA_TYPE'] },
  429: { name: 'TooManyRequests', codes: ['GW_RATE_LIMITED'], headers: ['Retry-After', 'RateLimit', 'RateLimit-Policy'] },
  502: { name: 'UpstreamFailed', codes: ['GW_UPSTREAM_UNREACHABLE', 'GW_UPSTREAM_BROKEN', 'GW_UPSTREAM_INVALID'] },
  503: { name: 'Unavailable', codes: ['GW_SHUTTING_DOWN', 'GW_AUTH_UNAVAILABLE'], headers: ['Retry-After'] },
  504: { name: 'UpstreamTooSlow', codes: ['GW_UPSTREAM_TIMEOUT'] },
}

const PROBLEM_TYPE = 'application/problem+json'
const PROBLEM_SCHEMA = { $ref: '#/components/schemas/Problem' }
const PROBLEM_MEDIA = { [PROBLEM_TYPE]: { schema: PROBLEM_SCHEMA } }

/** A response of the upstream, or the error answer of the gateway with the same status: either may come. */
export function addProblem (response: SchemaObject): SchemaObject {
  const own = response.content?.[PROBLEM_TYPE]
  const media = own?.schema === undefined ? PROBLEM_MEDIA : { [PROBLEM_TYPE]: { ...own, schema: { anyOf: [own.schema, PROBLEM_SCHEMA] } } }
  return { ...response, content: { ...response.content, ...media } }
}

/** `#/components/responses/...` of an error answer of the gateway. */
export const answerReference = (status: number): object => ({ $ref: `#/components/responses/${ANSWERS[status]!.name}` })

/** The problem document (RFC 9457) of every error answer. */
export const PROBLEM = {
  type: 'object',
  title: 'Problem',
  description: 'An error answer of the gateway (RFC 9457).',
  required: ['type', 'title', 'status', 'detail', 'instance', 'code', 'requestId'],
  properties: {
    type: { type: 'string', description: 'URI that names the kind of error.' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string', description: 'What to do about it.' },
    instance: { type: 'string', description: 'Path of the request.' },
    code: { type: 'string', enum: Object.keys(ERRORS) },
    requestId: { type: 'string', description: 'The id under which the request stands in the log.' },
    errors: {
      type: 'array',
      description: 'Every violation, when the request does not match its schema.',
      items: {
        type: 'object',
        required: ['in', 'pointer', 'expected'],
        properties: {
          in: { type: 'string', enum: ['params', 'query', 'headers', 'cookies', 'body'] },
          pointer: { type: 'string', description: 'JSON pointer of the value within that part.' },
          expected: { type: 'string' },
        },
      },
    },
  },
}

/** What all operations refer to. */
export const sharedComponents = () => ({
  schemas: { Problem: PROBLEM },
  responses: Object.fromEntries(Object.values(ANSWERS).map(({ name, codes, headers = [] }) => [name, {
    description: codes.map((code) => `${ERRORS[code].title} (\`${code}\`).`).join(' '),
    ...headers.length > 0 ? { headers: Object.fromEntries(headers.map((header) => [header, { schema: { type: 'string' } }])) } : {},
    content: PROBLEM_MEDIA,
  }])),
})
