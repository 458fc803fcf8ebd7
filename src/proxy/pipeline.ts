import type { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { gatehouseError } from '../errors.ts'
import { bodyGoesTo } from '../listener/body-clock.ts'
import { settle } from '../listener/settle.ts'
import { isHandshake, isUpgrade } from '../listener/upgrade.ts'
import { requireAuthorization } from './admission.ts'
import { isStream } from './attempt.ts'
import type { AttemptLoop } from './attempt-loop.ts'
import { exchangeCached } from './cached-exchange.ts'
import type { ForwardPlan } from './forward-plan.ts'
import { LimitedBody } from './limited-body.ts'
import { answerLastRecipient } from './max-forwards.ts'
import { requestHeaders } from './request-headers.ts'
import { ResponseRelay } from './response-relay.ts'
import { Tunnel } from './tunnel.ts'
import { upstreamPath } from './upstream-path.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The exchange with the upstream; null when there is none. */
    exchange: AttemptLoop | null
  }
}

/** Longest body of a QUERY that is part of the key of the cache. Bytes. */
const QUERY_LIMIT = 64 * 1024

/** Forwards a request as its route's plan says: the last stage of a request's way. */
export function forward (request: FastifyRequest, reply: FastifyReply, plan: ForwardPlan, path = upstreamPath(request.raw.url!, request.params, plan)): void {
  requireAuthorization(request, plan)
  if (isUpgrade(request.raw)) {
    const { 'content-length': length, 'transfer-encoding': coding } = request.raw.headers
    if (coding !== undefined || (length !== undefined && length !== '0')) throw gatehouseError('GW_BAD_REQUEST', { detail: 'A request to upgrade has no content: send it without Content-Length and Transfer-Encoding.' })
    if (!plan.websocket || !isHandshake(request.raw)) throw gatehouseError('GW_UPGRADE_REFUSED')
    if (request.server.tunnels.closing) throw gatehouseError('GW_SHUTTING_DOWN')
    new Tunnel(request, reply, plan, path, requestHeaders(request, plan, false), null).start('websocket')
    return
  }
  if (request.raw.headers['max-forwards'] !== undefined && answerLastRecipient(request, reply)) return
  const body = requestBody(request, plan)
  if (plan.cache === null) relayResponse(request, reply, plan, path, body)
  else if (isStream(body) && isCachedQuery(request, plan)) settle(collected(body).then((whole) => exchange(request, reply, plan, path, whole)), reply)
  else exchange(request, reply, plan, path, body)
}

function exchange (request: FastifyRequest, reply: FastifyReply, plan: ForwardPlan, path: string, body: Buffer | Readable | null): void {
  exchangeCached(request, reply, plan, path, isStream(body) ? null : body, () => relayResponse(request, reply, plan, path, body))
}

/** Whether the body is part of what tells responses apart, and small enough for that. */
const isCachedQuery = ({ method, raw }: FastifyRequest, { cache }: ForwardPlan): boolean =>
  method === 'QUERY' && cache!.policy !== null && cache!.policy.methods.has('QUERY') && Number(raw.headers['content-length']) <= QUERY_LIMIT

async function collected (body: Readable): Promise<Buffer> {
  return Buffer.concat(await body.toArray())
}

function relayResponse (request: FastifyRequest, reply: FastifyReply, plan: ForwardPlan, path: string, body: Buffer | Readable | null): void {
  const headers = requestHeaders(request, plan, body !== null)
  plan.mirror?.copy(request, path, headers, body)
  new ResponseRelay(request, reply, plan, path, headers, body).start()
}

/** The bytes that were validated when a schema had them collected, else the stream as it arrives. */
export function requestBody (request: FastifyRequest, plan: ForwardPlan): Buffer | Readable | null {
  if (request.rawBody !== undefined) return request.rawBody
  const { headers } = request.raw
  if (headers['transfer-encoding'] === undefined && (headers['content-length'] === undefined || headers['content-length'] === '0')) return null
  if (Number(headers['content-length'] ?? 0) > plan.bodyLimit) throw gatehouseError('GW_BODY_TOO_LARGE', { headers: { connection: 'close' } })
  // never the request itself: undici takes a body's socket away, which log and limits still want to see
  const body = new LimitedBody(plan.bodyLimit)
  bodyGoesTo(request.raw, body)
  const { checkedBody } = request
  if (!checkedBody) return request.raw.pipe(body)
  if (checkedBody.errored) throw checkedBody.errored
  checkedBody.on('error', (error) => body.destroy(error))
  return checkedBody.pipe(body)
}
