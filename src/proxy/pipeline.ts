import type { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { gatehouseError } from '../errors.ts'
import { allowBody } from '../listener/expect-continue.ts'
import { isUpgrade } from '../listener/upgrade.ts'
import type { ForwardPlan } from './forward-plan.ts'
import { LimitedBody } from './limited-body.ts'
import { requestHeaders } from './request-headers.ts'
import { ResponseRelay } from './response-relay.ts'
import { Tunnel } from './tunnel.ts'

/** Forwards a request as its route's plan says: the last stage of a request's way. */
export function forward (request: FastifyRequest, reply: FastifyReply, plan: ForwardPlan, path = upstreamPath(request, plan)): void {
  if (isUpgrade(request.raw)) {
    if (!plan.websocket) throw gatehouseError('GW_UPGRADE_REFUSED')
    new Tunnel(request, reply, plan, path, requestHeaders(request, plan, false), null).start('websocket')
    return
  }
  const body = requestBody(request, reply, plan)
  new ResponseRelay(request, reply, plan, path, requestHeaders(request, plan, body !== null), body).start()
}

/** Path and query for the upstream: a part of the canonical target, never decoded and encoded again. */
export function upstreamPath (request: FastifyRequest, plan: ForwardPlan): string {
  const target = request.raw.url!
  if (plan.rewrite !== null) {
    const query = target.indexOf('?')
    const path = plan.rewrite(request.params as Record<string, string>)
    return query === -1 ? path : path + target.slice(query)
  }
  if (plan.stripLength === 0) return target
  const path = target.slice(plan.stripLength)
  return path.charCodeAt(0) === 47 /* / */ ? path : `/${path}`
}

/** The bytes that were validated when a schema had them collected, else the stream as it arrives. */
export function requestBody (request: FastifyRequest, reply: FastifyReply, plan: ForwardPlan): Buffer | Readable | null {
  if (request.rawBody !== undefined) return request.rawBody
  const { headers } = request.raw
  if (headers['transfer-encoding'] === undefined && (headers['content-length'] === undefined || headers['content-length'] === '0')) return null
  if (Number(headers['content-length'] ?? 0) > plan.bodyLimit) throw gatehouseError('GW_BODY_TOO_LARGE', { headers: { connection: 'close' } })
  allowBody(request.raw, reply.raw)
  // never the request itself: undici takes a body's socket away, which log and limits still want to see
  return request.raw.pipe(new LimitedBody(plan.bodyLimit))
}
