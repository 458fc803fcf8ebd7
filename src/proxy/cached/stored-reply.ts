import type { FastifyReply, FastifyRequest } from 'fastify'
import { contentRange, rangeHolds, requestedRange, slice, totalOf } from '../../cache/byte-range.ts'
import { OWN_CONTROL } from '../../cache/cache-control.ts'
import { type CacheOutcome, cacheStatus, outcomeWord } from '../../cache/cache-status.ts'
import { isNotModified } from '../../cache/conditional-request.ts'
import { currentAge } from '../../cache/freshness.ts'
import type { StoredHeaders, StoredResponse } from '../../cache/stored-response.ts'
import { dropInsecureHsts } from '../response-headers.ts'
import { asItIs, sendable } from '../reply-writer.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** How the cache handled the request, in one word; null when the route has no cache. */
    cacheResult: string | null
    /** The stored body that is sent as a whole; null for none. */
    storedBody: Buffer | null
  }
}

/** Fields that a 304 omits (RFC 9110, section 15.4.5). */
const BODY_FIELDS = new Set([
  'content-length',
  'content-type',
  'content-encoding',
  'content-language',
  'content-range',
  'content-md5',
  'accept-ranges',
])

/** Longest body that is kept as text too, in bytes. */
const TEXT_LIMIT = 16 * 1024

/** How long a client may read nothing of a longer body, in milliseconds. */
const IDLE_TIMEOUT = 60_000

/** Stored bodies as Fastify sends them fastest. */
const payloads = new WeakMap<StoredResponse, string | Buffer>()

/** Reports how the cache handled a request: `Cache-Status`, log and metrics. */
export function noteOutcome(request: FastifyRequest, reply: FastifyReply, outcome: CacheOutcome): void {
  const result = (request.cacheResult = outcomeWord(outcome))
  request.server.responseCache.count(request.routeOptions.config.upstream!, result)
  reply.header('cache-status', cacheStatus(outcome))
}

/** Whether a stored response has all bytes that the request asks for. */
export function covers(stored: StoredResponse, { headers, method }: FastifyRequest): boolean {
  if (stored.part === null) return true
  if (method !== 'GET' || headers.range === undefined || !rangeHolds(headers, stored.headers)) return false
  const range = requestedRange(headers.range, stored.part.total)
  return range === 'unsatisfiable' || (range !== null && slice(stored, range) !== null)
}

/** Answers a request with a stored response (RFC 9111, section 4): whole, a range of it, or 304. */
export function sendStored(
  request: FastifyRequest,
  reply: FastifyReply,
  stored: StoredResponse,
  outcome: CacheOutcome,
  now: number,
): void {
  const { headers, method } = request
  noteOutcome(request, reply, outcome)
  reply.header('age', Math.floor(currentAge(stored, now)))
  if (isNotModified(headers, stored)) {
    copyStoredHeaders(reply, stored.headers, BODY_FIELDS)
    reply.code(304).send()
    return
  }
  copyStoredHeaders(reply, stored.headers)
  const range =
    method === 'GET' &&
    headers.range !== undefined &&
    (stored.status === 200 || stored.status === 206) &&
    rangeHolds(headers, stored.headers)
      ? requestedRange(headers.range, totalOf(stored))
      : null
  if (range === 'unsatisfiable') {
    reply.removeHeader('content-length')
    reply.code(416).header('content-range', `bytes */${totalOf(stored)}`)
    reply.send()
  } else if (range !== null) {
    const body = slice(stored, range)!
    reply
      .code(206)
      .header('content-range', contentRange(range, totalOf(stored)))
      .header('content-length', body.byteLength)
      .send(sendable(reply, body))
  } else {
    reply.code(stored.status)
    // RFC 9110, section 8.6
    if (stored.status === 204) reply.removeHeader('content-length')
    else if (method === 'HEAD') reply.header('content-length', stored.body.byteLength)
    if (method === 'HEAD') reply.send()
    else sendWhole(reply, stored)
  }
}

function sendWhole(reply: FastifyReply, stored: StoredResponse): void {
  if (stored.body.byteLength === 0) {
    if (stored.status !== 204) reply.header('content-length', 0)
    reply.send()
    return
  }
  reply.request.storedBody = stored.body
  // Node has no timeout for this
  if (stored.body.byteLength > TEXT_LIMIT) reply.raw.socket?.setTimeout(IDLE_TIMEOUT)
  if (stored.body.byteLength > TEXT_LIMIT && reply.hasHeader('content-type')) {
    reply.send(stored.body)
    return
  }
  let payload = payloads.get(stored)
  if (payload === undefined) {
    const body = sendable(reply, stored.body)
    if (typeof body !== 'string' && !Buffer.isBuffer(body)) {
      reply.send(body)
      return
    }
    payloads.set(stored, (payload = body))
  } else if (typeof payload === 'string') reply.serializer(asItIs)
  reply.send(payload)
}

/** Copies the headers of a stored response to a reply. @param without  names to omit */
export function copyStoredHeaders(reply: FastifyReply, headers: StoredHeaders, without?: ReadonlySet<string>): void {
  for (const name in headers) {
    if (name === OWN_CONTROL || without?.has(name)) continue
    const value = headers[name]!
    if (name === 'vary' && reply.hasHeader('vary')) reply.header(name, `${reply.getHeader('vary')}, ${String(value)}`)
    else reply.header(name, value)
  }
  dropInsecureHsts(reply)
}
