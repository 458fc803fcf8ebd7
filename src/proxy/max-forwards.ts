import type { IncomingMessage } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { gatehouseError } from '../errors.ts'

/** Largest count that is forwarded. RFC 9110, section 7.6.2, lets each intermediary choose one. */
const MOST = 2 ** 31 - 1

/** Whether `Max-Forwards` applies to a request: only to these two methods (RFC 9110, section 7.6.2). */
const isCounted = ({ method, headers }: IncomingMessage): boolean =>
  headers['max-forwards'] !== undefined && (method === 'OPTIONS' || method === 'TRACE')

/**
 * How often a request may be forwarded, this time included; null for no limit.
 * @throws GW_BAD_REQUEST when the count is no number
 */
function forwardsLeft(request: IncomingMessage): number | null {
  if (!isCounted(request)) return null
  const stated = String(request.headers['max-forwards'])
  if (!/^\d+$/.test(stated)) {
    throw gatehouseError('GW_BAD_REQUEST', { detail: 'Max-Forwards is not a number: send digits only.' })
  }
  return Math.min(Number(stated), MOST + 1)
}

/**
 * Answers a request that may not be forwarded any more, as its final recipient.
 * @returns whether it did
 */
export function answerLastRecipient(request: FastifyRequest, reply: FastifyReply): boolean {
  if (forwardsLeft(request.raw) !== 0) return false
  const allow = request.server.hostRouter.methodsAt(request.originalUrl, request.headers).join(', ')
  // the answer to a TRACE would contain the whole request, with its credentials
  if (request.method === 'TRACE') throw gatehouseError('GW_METHOD_NOT_ALLOWED', { headers: { allow } })
  reply.code(204).header('allow', allow).send()
  return true
}

/** Lowers the count of a request by one. @param headers  name, value, ... for the upstream */
export function countForward(headers: string[], request: IncomingMessage): void {
  const left = forwardsLeft(request)
  if (left === null) return
  for (let i = 0; i < headers.length; i += 2) if (headers[i] === 'max-forwards') headers[i + 1] = String(left - 1)
}
