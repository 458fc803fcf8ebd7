import type { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { collectBody, heldUntilClosed } from '../validation/collected-body.ts'
import { gatehouseError, type GatehouseError } from '../errors.ts'
import { bodyGoesTo } from '../listener/body-clock.ts'
import type { ForwardPlan } from './forward-plan.ts'
import { LimitedBody } from './limited-body.ts'

/** Longest body that is collected before a target is chosen. Bytes. */
const SMALL = 64 * 1024

const tooLarge = (): GatehouseError => gatehouseError('GW_BODY_TOO_LARGE', { headers: { connection: 'close' } })

/**
 * Whether the body of a request is collected before it is sent on: it states a small length, and there is room for it.
 * A client that sends it slowly then takes no slot of the upstream, and the request can be sent again.
 */
export function isSmall({ rawBody, raw: { headers }, server }: FastifyRequest, plan: ForwardPlan): boolean {
  const { 'content-length': stated } = headers
  if (stated === undefined || rawBody !== undefined) return false
  const length = Number(stated)
  const { held, most } = server.bodyMemory
  return length > 0 && length <= SMALL && length <= plan.bodyLimit && held + length <= most
}

/** Collects the body of a request that `isSmall`. */
export async function smallBody(request: FastifyRequest, reply: FastifyReply): Promise<Buffer> {
  const { checkedBody } = request
  if (checkedBody?.errored) throw checkedBody.errored
  return collectBody(checkedBody ?? request.raw, SMALL, heldUntilClosed(request.server.bodyMemory, reply))
}

/** The bytes that were validated when a schema had them collected, else the stream as it arrives. */
export function requestBody(request: FastifyRequest, plan: ForwardPlan): Buffer | Readable | null {
  if (request.rawBody !== undefined) return request.rawBody
  const { headers } = request.raw
  if (
    headers['transfer-encoding'] === undefined &&
    (headers['content-length'] === undefined || headers['content-length'] === '0')
  ) {
    return null
  }
  if (Number(headers['content-length'] ?? 0) > plan.bodyLimit) throw tooLarge()
  // never the request itself: undici takes a body's socket away, which log and limits still want to see
  const body = new LimitedBody(plan.bodyLimit)
  bodyGoesTo(request.raw, body)
  const { checkedBody } = request
  if (!checkedBody) return request.raw.pipe(body)
  if (checkedBody.errored) throw checkedBody.errored
  checkedBody.on('error', (error) => body.destroy(error))
  return checkedBody.pipe(body)
}
