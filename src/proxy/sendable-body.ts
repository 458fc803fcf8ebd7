import { isAscii } from 'node:buffer'
import { Readable } from 'node:stream'
import type { FastifyReply } from 'fastify'

/** `type/subtype` (RFC 9110, section 8.3.1). */
const MEDIA_TYPE = /^[\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+\s*(?:;|$)/

/** Keeps Fastify from adding a charset to the upstream's Content-Type. */
export const asItIs = (payload: unknown): string => payload as string

/** The form of a whole body in which Fastify leaves it alone. */
export function sendable(reply: FastifyReply, body: Buffer): string | Buffer | Readable | undefined {
  // nothing to be of a type; Fastify would call an empty text one
  if (body.length === 0) return undefined
  // Fastify would invent a type for a body without a proper one; it leaves a stream alone
  if (!MEDIA_TYPE.test(String(reply.getHeader('content-type')))) return Readable.from([body])
  if (!isAscii(body)) return body
  // as text, head and body leave in one write instead of two; only ASCII is the same bytes in every encoding
  reply.serializer(asItIs)
  return body.toString('latin1')
}
