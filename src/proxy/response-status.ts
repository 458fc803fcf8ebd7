import type { FastifyReply } from 'fastify'

/**
 * The last status of RFC 9110, section 15. Fastify takes none above it; HTTP's grammar has three digits, and so do
 * Node's parsers.
 */
const LAST_STATUS = 599

/**
 * Whether a status is outside of the five classes. Clients, and the gateway, treat it as a server error (RFC 9110,
 * section 15).
 */
export const isUnknownStatus = (status: number): boolean => status > LAST_STATUS

/** Gives a reply the status of a service's response, as it came. */
export function setStatus(reply: FastifyReply, status: number): void {
  if (status <= LAST_STATUS) {
    reply.code(status)
    return
  }
  // so that Fastify knows that there is a status
  reply.code(500)
  reply.raw.statusCode = status
}
