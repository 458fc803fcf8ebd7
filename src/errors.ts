import createError from '@fastify/error'

/**
 * All error answers of the gateway in one table: the code, its HTTP status, a short title that never changes, and the
 * message, which states what to do. `docs/errors.md` is generated from it.
 * The answers are `application/problem+json` (RFC 9457); no message names an internal address or a library.
 */
export const ERRORS = {
  GW_BAD_REQUEST: {
    status: 400,
    title: 'Bad request',
    message: 'The request is not valid HTTP for this gateway: correct it and send it again.',
  },
  GW_BAD_PATH: {
    status: 400,
    title: 'Ambiguous path',
    message:
      'The path can be read in more than one way: send it without dot segments, semicolons, backslashes, control characters or invalid percent-encoding.',
  },
  GW_BAD_HOST: {
    status: 400,
    title: 'Ambiguous host',
    message:
      'The host can be read in more than one way: send one valid Host header, and the same host or none in the request line.',
  },
  GW_VALIDATION: {
    status: 400,
    title: 'Request does not match the schema',
    message: 'Correct the fields that "errors" lists and send the request again.',
  },
  GW_MALFORMED_BODY: {
    status: 400,
    title: 'Malformed body',
    message: 'The body is not valid for its Content-Type: send well-formed, UTF-8 encoded content.',
  },
  GW_UNAUTHORIZED: {
    status: 401,
    title: 'Authentication required',
    message: 'Send valid credentials of the kind that WWW-Authenticate names.',
  },
  GW_FORBIDDEN: {
    status: 403,
    title: 'Not allowed',
    message:
      'The credentials are valid but lack a scope, group or claim that this route requires: use credentials that have it.',
  },
  GW_FORGED: {
    status: 403,
    title: 'Request of another origin',
    message:
      'A page of another origin sent this request with a cookie that authenticates it: send it from a page of this origin, or without the cookie.',
  },
  GW_ORIGIN_REFUSED: {
    status: 403,
    title: 'Origin not allowed',
    message: 'Pages of this origin may not open this WebSocket: ask the operator of this gateway to allow the origin.',
  },
  GW_NOT_FOUND: {
    status: 404,
    title: 'No such route',
    message: 'No route matches this method, host and path: see the documentation of this gateway for its routes.',
  },
  GW_METHOD_NOT_ALLOWED: {
    status: 405,
    title: 'Method not allowed',
    message: 'This path has no route for this method: use a method that Allow lists.',
  },
  GW_NOT_ACCEPTABLE: {
    status: 406,
    title: 'Not acceptable',
    message: 'No media type that Accept allows is available: accept another media type.',
  },
  GW_REQUEST_TIMEOUT: {
    status: 408,
    title: 'Request too slow',
    message: 'The request did not arrive in time: send it again without pauses.',
  },
  GW_BODY_TOO_LARGE: {
    status: 413,
    title: 'Body too large',
    message: 'The body is larger than this route accepts: send less.',
  },
  GW_URL_TOO_LONG: {
    status: 414,
    title: 'URL too long',
    message: 'A part of the URL is longer than this gateway accepts: shorten it.',
  },
  GW_UNSUPPORTED_MEDIA_TYPE: {
    status: 415,
    title: 'Unsupported media type',
    message: 'This route does not accept this Content-Type or Content-Encoding: send one that its documentation lists.',
  },
  GW_EXPECTATION_FAILED: {
    status: 417,
    title: 'Expectation failed',
    message: 'Only "Expect: 100-continue" is supported: send the request without the header.',
  },
  GW_UPGRADE_REFUSED: {
    status: 400,
    title: 'Upgrade refused',
    message:
      'This route does not accept this protocol upgrade: only WebSocket routes can be upgraded, and only to "websocket".',
  },
  GW_RATE_LIMITED: {
    status: 429,
    title: 'Too many requests',
    message: 'The rate limit of this route is used up: wait for the time in Retry-After.',
  },
  GW_TOO_MANY_FAILURES: {
    status: 429,
    title: 'Too many failed attempts',
    message:
      'Too many requests from this address had wrong credentials: correct them, and wait for the time in Retry-After.',
  },
  GW_HEADERS_TOO_LARGE: {
    status: 431,
    title: 'Headers too large',
    message: 'The header section is larger than this gateway accepts: send less, fewer cookies for example.',
  },
  GW_INTERNAL: {
    status: 500,
    title: 'Gateway error',
    message: 'The gateway failed to handle the request: report the request id to its operator.',
  },
  GW_UNSUPPORTED_METHOD: {
    status: 501,
    title: 'Unknown method',
    message:
      'This gateway does not know this method, or never serves it (CONNECT): use a method that Allow lists. Methods are case-sensitive.',
  },
  GW_UNSUPPORTED_CODING: {
    status: 501,
    title: 'Unsupported transfer coding',
    message: 'The only supported transfer coding is "chunked", over HTTP/1.1: send the body without another one.',
  },
  GW_OPERATION_OMITTED: {
    status: 501,
    title: 'Operation left out',
    message:
      'This gateway does not serve the operation, since the API document has a mistake in it: ask the operator of this gateway to correct the document.',
  },
  GW_UPSTREAM_UNREACHABLE: {
    status: 502,
    title: 'Upstream unreachable',
    message: 'The service behind this route cannot be reached: try again later.',
  },
  GW_UPSTREAM_BROKEN: {
    status: 502,
    title: 'Upstream failed',
    message:
      'The service behind this route closed the connection, or sent an answer that is not valid HTTP: try again later.',
  },
  GW_UPSTREAM_INVALID: {
    status: 502,
    title: 'Upstream response does not match the schema',
    message:
      'The service behind this route sent an answer that its API contract does not allow: report the request id to the operator of this gateway.',
  },
  GW_DESTINATION_ELSEWHERE: {
    status: 502,
    title: 'Destination elsewhere',
    message:
      'The Destination is on another server or service than the request, or requires other credentials: ' +
      'use a Destination of the same service that requires the same credentials.',
  },
  GW_SHUTTING_DOWN: {
    status: 503,
    title: 'Shutting down',
    message: 'This gateway is stopping: send the request again, and another instance will answer.',
  },
  GW_TOO_MANY_BODIES: {
    status: 503,
    title: 'Too many request bodies',
    message:
      'This gateway cannot hold more request bodies at the moment: send the request again after the time in Retry-After.',
  },
  GW_LIMITS_UNAVAILABLE: {
    status: 503,
    title: 'Limits unavailable',
    message: 'The gateway cannot count this request at the moment: try again in a moment.',
  },
  GW_AUTH_UNAVAILABLE: {
    status: 503,
    title: 'Credentials cannot be checked',
    message: 'The credentials cannot be checked at the moment: send the request again after the time in Retry-After.',
  },
  GW_PURGE_INCOMPLETE: {
    status: 503,
    title: 'Purge not complete',
    message:
      'This gateway has purged its own memory, but cannot reach the shared store. It purges the store, and informs the other gateways, once it can: send the request again to be sure.',
  },
  GW_UPSTREAM_UNAVAILABLE: {
    status: 503,
    title: 'No upstream available',
    message: 'No instance of the service behind this route is available: try again after the time in Retry-After.',
  },
  GW_UPSTREAM_OVERLOADED: {
    status: 503,
    title: 'Upstream overloaded',
    message:
      'The service behind this route cannot take more requests at the moment: try again after the time in Retry-After.',
  },
  GW_NOT_CACHED: {
    status: 504,
    title: 'Not in the cache',
    message:
      'The request only allows an answer from the cache, and the cache has none: send it without "only-if-cached".',
  },
  GW_UPSTREAM_TIMEOUT: {
    status: 504,
    title: 'Upstream too slow',
    message: 'The service behind this route did not answer in time: try again later.',
  },
  GW_UNSUPPORTED_VERSION: {
    status: 505,
    title: 'Protocol version not supported',
    message: 'Only HTTP/1.1 and HTTP/1.0 are supported: send the request in one of them.',
  },
} as const satisfies Record<string, { status: number; title: string; message: string }>

export type ErrorCode = keyof typeof ERRORS

/** One violation inside a `GW_VALIDATION` answer. */
export interface Violation {
  /** Part of the message: `body`, `query`, `params` or `headers`. */
  in: string
  /** JSON pointer (RFC 6901) of the offending value within that part; `""` is the whole part. */
  pointer: string
  /** What was expected there, in words. */
  expected: string
}

/** An error that becomes a problem+json answer. */
export interface GatehouseError extends Error {
  code: ErrorCode
  statusCode: number
  /** Extra response headers, such as `www-authenticate` or `retry-after`. */
  headers?: Record<string, string>
  /** Further members of the problem document. */
  extensions?: Record<string, unknown>
  /** What the client gets in place of a problem document. */
  answer?: ForeignAnswer
}

/** The answer of another service that decided about a request, passed on to the client. */
export interface ForeignAnswer {
  status: number
  headers: Record<string, string | string[] | undefined>
  body: Buffer
}

const constructors = new Map(
  (Object.keys(ERRORS) as ErrorCode[]).map((code) => [code, createError(code, '%s', ERRORS[code].status)]),
)

/**
 * Makes the error for a code of the table.
 * @param code     an entry of `ERRORS`
 * @param details  `detail` replaces the table's message, `headers` go to the client, `extensions` become members of
 *                 the problem document, `cause` goes to the log only, `answer` is sent as it is, with its own status
 */
export function gatehouseError(
  code: ErrorCode,
  details: {
    detail?: string
    headers?: Record<string, string>
    extensions?: Record<string, unknown>
    cause?: unknown
    answer?: ForeignAnswer
  } = {},
): GatehouseError {
  const Constructor = constructors.get(code)!
  const error = new Constructor(details.detail ?? ERRORS[code].message) as GatehouseError
  if (details.headers) error.headers = details.headers
  if (details.extensions) error.extensions = details.extensions
  if (details.cause !== undefined) error.cause = details.cause
  if (details.answer) {
    error.answer = details.answer
    error.statusCode = details.answer.status
  }
  return error
}

/**
 * Describes an error in one line for the log, where its stack would add nothing: `ECONNREFUSED: connect ECONNREFUSED
 * 10.0.0.1:80`.
 */
export function reasonOf(error: unknown): string {
  const { code, message, errors } = error as NodeJS.ErrnoException & { errors?: unknown[] }
  // a name with several addresses fails with one error for each
  const text = message || errors?.map(reasonOf).join('; ') || String(error)
  return code === undefined || text.startsWith(code) ? text : `${code}: ${text}`
}

/** The media type of every error answer (RFC 9457). */
export const PROBLEM_CONTENT_TYPE = 'application/problem+json; charset=utf-8'

/**
 * The problem document (RFC 9457) of an error.
 * @param requestId  the id in the access log
 * @param instance   the path of the request, without its query (which may hold secrets)
 */
export function problemDocument(error: GatehouseError, requestId: string, instance: string): Record<string, unknown> {
  return {
    type: `urn:gatehouse:error:${error.code}`,
    title: ERRORS[error.code].title,
    status: error.statusCode,
    detail: error.message,
    instance,
    code: error.code,
    requestId,
    ...error.extensions,
  }
}

/** One mistake in configuration, a route file or a document. */
export interface Problem {
  /** File name as the user would type it, or the name of an environment variable. */
  file: string
  /** Path of the field, such as `routes[2].auth`; empty for the whole file. */
  field: string
  /** What was found and what is allowed. */
  message: string
}

/** Thrown at boot with every problem found, so that all of them can be fixed at once. */
export class BootProblems extends Error {
  readonly problems: Problem[]
  constructor(problems: Problem[]) {
    super(problems.map((p) => `${p.file}${p.field ? `: ${p.field}` : ''}: ${p.message}`).join('\n'))
    this.name = 'BootProblems'
    this.problems = problems
  }
}

/** The error of a single mistake in the configuration. */
export const configurationProblem = (field: string, message: string): BootProblems =>
  new BootProblems([{ file: 'configuration', field, message }])
