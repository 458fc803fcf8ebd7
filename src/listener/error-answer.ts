import { Readable } from 'node:stream'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import {
  ERRORS,
  gatehouseError,
  problemDocument,
  PROBLEM_CONTENT_TYPE,
  reasonOf,
  type ErrorCode,
  type GatehouseError,
} from '../errors.ts'
import { prefersHtml, variedByAccept, problemPage } from './problem-page.ts'
import { PAGE_CONTENT_TYPE, PAGE_POLICY } from './page-shell.ts'

/** Responses with a status of 500 or more that are caused by the request, not by a failure. */
const OF_CLIENTS: ReadonlySet<string> = new Set<ErrorCode>([
  'GW_UNSUPPORTED_CODING',
  'GW_UNSUPPORTED_METHOD',
  'GW_UNSUPPORTED_VERSION',
  'GW_NOT_CACHED',
  'GW_DESTINATION_ELSEWHERE',
])

/** Replies whose response is an HTML error page. Unlike problem+json, it cannot be recognised by its content type. */
const pages = new WeakSet<FastifyReply>()

/** Whether a reply is one of the gateway's own error responses. */
export const isProblemAnswer = (reply: FastifyReply): boolean =>
  reply.getHeader('content-type') === PROBLEM_CONTENT_TYPE || pages.has(reply)

/**
 * The one place where an error becomes a response: problem+json, or an HTML page for browsers. The real cause appears
 * only in the log.
 */
export function answerError(error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  const problem = toGatehouseError(error)
  if (problem.code === 'GW_INTERNAL') {
    request.log.error({ reqId: request.id, code: problem.code, err: problem.cause ?? error }, problem.message)
  } else if (problem.statusCode >= 500 && !OF_CLIENTS.has(problem.code)) {
    request.log.error(
      {
        reqId: request.id,
        code: problem.code,
        upstream: request.routeOptions.config?.upstream,
        target: request.exchange?.target?.id,
        reason: reasonOf(problem.cause ?? error),
      },
      problem.message,
    )
  }
  if (problem.answer) {
    const { status, headers, body } = problem.answer
    // a body without a type stays without one, which Fastify lets a stream alone do
    const content = body.length === 0 ? undefined : headers['content-type'] === undefined ? Readable.from([body]) : body
    reply.code(status).headers(headers).header('cache-control', 'no-store').send(content)
    return
  }
  for (const name in problem.headers) reply.header(name, problem.headers[name])
  // RFC 9110, section 15.5.16
  if (problem.code === 'GW_UNSUPPORTED_MEDIA_TYPE') reply.header('accept', acceptedTypes(request))
  const path = request.originalUrl.split('?', 1)[0]!
  const document = problemDocument(problem, request.id, path)
  reply
    .code(problem.statusCode)
    .header('cache-control', 'no-store')
    .header('vary', variedByAccept(reply.getHeader('vary')))
  if (prefersHtml(request.headers.accept)) {
    pages.add(reply)
    reply
      .header('content-type', PAGE_CONTENT_TYPE)
      .header('content-security-policy', PAGE_POLICY)
      .header('x-content-type-options', 'nosniff')
      .send(problemPage(document, problem.headers?.['retry-after'], problem.headers?.['www-authenticate']))
  } else reply.header('content-type', PROBLEM_CONTENT_TYPE).send(JSON.stringify(document))
}

/** The media types that the route of a request accepts. */
function acceptedTypes({
  routeOptions: {
    config: { consumes, operationCheck },
  },
}: FastifyRequest): string {
  return operationCheck?.body?.allowed ?? consumes?.join(', ') ?? '*/*'
}

function toGatehouseError(error: FastifyError): GatehouseError {
  if (Object.hasOwn(ERRORS, error.code ?? '')) return error as unknown as GatehouseError
  const known = fromFastifyError(error)
  if (known !== null) return known
  const status = error.statusCode ?? 500
  const code: ErrorCode = status >= 400 && status < 500 ? 'GW_BAD_REQUEST' : 'GW_INTERNAL'
  return gatehouseError(code, { cause: error })
}

const CODES: Record<string, ErrorCode> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'GW_UNSUPPORTED_MEDIA_TYPE',
  FST_ERR_CTP_INVALID_TYPE: 'GW_UNSUPPORTED_MEDIA_TYPE',
  FST_ERR_CTP_BODY_TOO_LARGE: 'GW_BODY_TOO_LARGE',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'GW_MALFORMED_BODY',
  FST_ERR_CTP_INVALID_JSON_BODY: 'GW_MALFORMED_BODY',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'GW_BAD_REQUEST',
  FST_ERR_BAD_URL: 'GW_BAD_PATH',
  FST_ERR_MAX_PARAM_LENGTH: 'GW_URL_TOO_LONG',
  FST_ERR_ASYNC_CONSTRAINT: 'GW_BAD_REQUEST',
}

/** The gateway's error for an error that Fastify has raised about a request; null for all other errors. */
function fromFastifyError(error: Partial<FastifyError>): GatehouseError | null {
  const code = CODES[error.code ?? '']
  return code === undefined ? null : gatehouseError(code, { cause: error })
}
