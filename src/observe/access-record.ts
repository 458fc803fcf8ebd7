import type { FastifyReply, FastifyRequest } from 'fastify'
import { traceIdOf } from './request-id.ts'

const rounded = (ms: number | undefined): number | undefined =>
  ms === undefined ? undefined : Math.round(ms * 100) / 100

/**
 * What the access log tells of a request. The query is left out, since tokens and personal data stand in queries.
 * `ms` is from the first byte of the request to the last of the response, `upstreamMs` from sending it to the upstream
 * to the first byte of its answer. `queueMs` is the wait for a
 * target with room. `attempts` is there when the request has been sent more than once.
 */
export function accessRecord(request: FastifyRequest, reply: FastifyReply, aborted: boolean): Record<string, unknown> {
  const { config, url } = request.routeOptions
  const { traceparent } = request.headers
  const target = request.originalUrl
  const query = target.indexOf('?')
  const length = reply.getHeader('content-length')
  return {
    reqId: request.id,
    traceId: traceparent === undefined ? undefined : traceIdOf(traceparent),
    method: request.method,
    host: request.headers.host,
    path: query === -1 ? target : target.slice(0, query),
    route: (config?.publicUrl ?? url) || undefined,
    upstream: config?.upstream,
    target: request.exchange?.target?.id,
    attempts: request.exchange !== null && request.exchange.attempts > 1 ? request.exchange.attempts : undefined,
    fellBack: request.exchange?.fellBack || undefined,
    cache: request.cacheResult ?? undefined,
    consumer: request.consumer?.id,
    client: request.ip,
    status: aborted && !reply.raw.headersSent ? 499 : reply.statusCode,
    aborted: aborted || undefined,
    bytes: length === undefined ? undefined : Number(length),
    queueMs: rounded(request.exchange?.wait?.ms),
    upstreamMs: rounded(request.exchange?.firstByte),
    ms: rounded(reply.elapsedTime),
  }
}
