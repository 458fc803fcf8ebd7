import { ERRORS, type ErrorCode, gatehouseError, problemDocument, type Violation } from '../errors.ts'
import type { SchemaObject } from '../schema/json-schema.ts'

/** A response of the gateway itself that operations share. */
interface Answer {
  /** Name in `components.responses`. */
  name: string
  /** The errors with this status; each has an example. */
  codes: ErrorCode[]
  /** Headers of the response. */
  headers?: string[]
}

/** The shared error responses by status. */
const ANSWERS: Record<string, Answer> = {
  400: { name: 'BadRequest', codes: ['GW_VALIDATION', 'GW_MALFORMED_BODY'] },
  401: { name: 'Unauthorized', codes: ['GW_UNAUTHORIZED'], headers: ['WWW-Authenticate'] },
  403: { name: 'Forbidden', codes: ['GW_FORBIDDEN'], headers: ['WWW-Authenticate'] },
  413: { name: 'BodyTooLarge', codes: ['GW_BODY_TOO_LARGE'] },
  415: { name: 'UnsupportedMediaType', codes: ['GW_UNSUPPORTED_MEDIA_TYPE'] },
  429: {
    name: 'TooManyRequests',
    codes: ['GW_RATE_LIMITED'],
    headers: ['Retry-After', 'RateLimit', 'RateLimit-Policy'],
  },
  502: { name: 'UpstreamFailed', codes: ['GW_UPSTREAM_UNREACHABLE', 'GW_UPSTREAM_BROKEN', 'GW_UPSTREAM_INVALID'] },
  503: {
    name: 'Unavailable',
    codes: ['GW_UPSTREAM_UNAVAILABLE', 'GW_UPSTREAM_OVERLOADED', 'GW_AUTH_UNAVAILABLE', 'GW_SHUTTING_DOWN'],
    headers: ['Retry-After'],
  },
  504: { name: 'UpstreamTooSlow', codes: ['GW_UPSTREAM_TIMEOUT'] },
}

/** Extension members in the example of a code. */
const EXTENSIONS: Partial<Record<ErrorCode, Record<string, unknown>>> = {
  GW_FORBIDDEN: { missingScopes: ['orders:write'] },
  GW_VALIDATION: { errors: [{ in: 'body', pointer: '/quantity', expected: 'at least 1' }] satisfies Violation[] },
}

const PROBLEM_TYPE = 'application/problem+json'
const PROBLEM_SCHEMA = { $ref: '#/components/schemas/Problem' }

const ALL_CODES = Object.values(ANSWERS).flatMap(({ codes }) => codes)

/** References to the examples of these errors. */
const examplesOf = (codes: readonly ErrorCode[]): Record<string, object> =>
  Object.fromEntries(codes.map((code) => [code, { $ref: `#/components/examples/${code}` }]))

/** Example Object of an error: exactly the document that clients get. */
const exampleOf = (code: ErrorCode): object => ({
  summary: ERRORS[code].title,
  value: problemDocument(
    gatehouseError(code, { extensions: EXTENSIONS[code] }),
    'kFq8sW2xN0aB-4z',
    '/path/of/the/request',
  ),
})

/**
 * Adds the error of the gateway to a response of the upstream with the same status, since either may be sent.
 * @param status  one of the shared error responses
 */
export function addProblem(response: SchemaObject, status: number): SchemaObject {
  const own = response.content?.[PROBLEM_TYPE]
  const examples = examplesOf(ANSWERS[status]!.codes)
  const media =
    own?.schema === undefined
      ? { schema: PROBLEM_SCHEMA, examples }
      : {
          ...('example' in own || 'examples' in own ? {} : { examples }),
          ...own,
          schema: { anyOf: [own.schema, PROBLEM_SCHEMA] },
        }
  return { ...response, content: { ...response.content, [PROBLEM_TYPE]: media } }
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
    missingScopes: {
      type: 'array',
      items: { type: 'string' },
      description: 'Scopes that the route requires and the credentials lack, in an answer 403.',
    },
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

/**
 * Components that all operations share. `x-gatehouse-errors` marks responses of the gateway itself and lists their
 * codes.
 */
export const sharedComponents = () => ({
  schemas: { Problem: PROBLEM },
  examples: Object.fromEntries(ALL_CODES.map((code) => [code, exampleOf(code)])),
  responses: Object.fromEntries(
    Object.values(ANSWERS).map(({ name, codes, headers = [] }) => [
      name,
      {
        description: codes.map((code) => `${ERRORS[code].title} (\`${code}\`).`).join(' '),
        ...(headers.length > 0
          ? { headers: Object.fromEntries(headers.map((header) => [header, { schema: { type: 'string' } }])) }
          : {}),
        content: { [PROBLEM_TYPE]: { schema: PROBLEM_SCHEMA, examples: examplesOf(codes) } },
        'x-gatehouse-errors': codes,
      },
    ]),
  ),
})
