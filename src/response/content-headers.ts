import type { FastifyReply, FastifyRequest } from 'fastify'

/**
 * Headers about the exact bytes. They are wrong when the bytes change (RFC 9110, section 14.3; RFC 9530, sections 2 and
 * 3).
 */
const ABOUT_BYTES = ['content-length', 'accept-ranges', 'content-digest', 'repr-digest', 'digest', 'content-md5']
/** Headers that a 304 does not need (RFC 9110, section 15.4.5). */
const ABOUT_CONTENT = [...ABOUT_BYTES, 'content-type', 'content-encoding', 'content-language']
const NO_TRANSFORM = /(?:^|[\s,])no-transform(?:[\s,]|$)/i

/** Whether proxies may change the content: neither side sends `no-transform` (RFC 9111, sections 5.2.1.6, 5.2.2.6). */
export const mayTransform = ({ headers }: FastifyRequest, reply: FastifyReply): boolean =>
  !NO_TRANSFORM.test(headers['cache-control'] ?? '') &&
  !NO_TRANSFORM.test(String(reply.getHeader('cache-control') ?? ''))

/**
 * Adds `Accept-Encoding` to `Vary`.
 * @param name  the spelling of the header
 */
export function varyByEncoding(reply: FastifyReply, name = 'Accept-Encoding'): void {
  const stated = [reply.getHeader('vary') ?? []].flat().join(', ')
  if (/(?:^|,)\s*(?:\*|accept-encoding)\s*(?:,|$)/i.test(stated)) return
  reply.header('vary', stated === '' ? name : `${stated}, ${name}`)
}

/**
 * Prepares the headers for content with other bytes. The old `ETag` becomes a weak one (RFC 9110, section 8.8.1).
 */
export function forOtherBytes(reply: FastifyReply): void {
  for (const name of ABOUT_BYTES) reply.removeHeader(name)
  const tag = reply.getHeader('etag')
  if (typeof tag === 'string' && !tag.startsWith('W/')) reply.header('etag', `W/${tag}`)
}

/**
 * Makes the `ETag` of a 304 weak if the client has the weak form. Otherwise the client would not match it with its
 * stored response (RFC 9111, section 4.3.4).
 */
export function nameTagAsKnown({ headers }: FastifyRequest, reply: FastifyReply): void {
  const tag = reply.getHeader('etag')
  if (typeof tag === 'string' && headers['if-none-match']?.includes(`W/${tag}`)) reply.header('etag', `W/${tag}`)
}

/** Turns the reply into a 304. */
export function notModified(reply: FastifyReply): void {
  for (const name of ABOUT_CONTENT) reply.removeHeader(name)
  reply.code(304)
}
