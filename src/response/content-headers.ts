import type { FastifyReply, FastifyRequest } from 'fastify'

/**
 * Headers about the bytes as they were: no longer true of others (RFC 9110, section 14.3; RFC 9530, sections 2 and 3).
 */
const ABOUT_BYTES = ['content-length', 'accept-ranges', 'content-digest', 'repr-digest', 'digest', 'content-md5']
/** What a 304 does without (RFC 9110, section 15.4.5). */
const ABOUT_CONTENT = [...ABOUT_BYTES, 'content-type', 'content-encoding', 'content-language']
const NO_TRANSFORM = /(?:^|[\s,])no-transform(?:[\s,]|$)/i

/** Whether neither side forbids that proxies change the content (RFC 9111, sections 5.2.1.6 and 5.2.2.6). */
export const mayTransform = ({ headers }: FastifyRequest, reply: FastifyReply): boolean =>
  !NO_TRANSFORM.test(headers['cache-control'] ?? '') &&
  !NO_TRANSFORM.test(String(reply.getHeader('cache-control') ?? ''))

/**
 * Notes in `Vary` that another `Accept-Encoding` may get another response.
 * @param name  how the header is spelled
 */
export function varyByEncoding(reply: FastifyReply, name = 'Accept-Encoding'): void {
  const stated = [reply.getHeader('vary') ?? []].flat().join(', ')
  if (/(?:^|,)\s*(?:\*|accept-encoding)\s*(?:,|$)/i.test(stated)) return
  reply.header('vary', stated === '' ? name : `${stated}, ${name}`)
}

/**
 * The content will have other bytes: the tag of the old ones can only be a weak one of the new (RFC 9110, section
 * 8.8.1).
 */
export function forOtherBytes(reply: FastifyReply): void {
  for (const name of ABOUT_BYTES) reply.removeHeader(name)
  const tag = reply.getHeader('etag')
  if (typeof tag === 'string' && !tag.startsWith('W/')) reply.header('etag', `W/${tag}`)
}

/**
 * A 304 names the tag in the form in which the client has it, or it would not be about what the client has (RFC 9111,
 * section 4.3.4).
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
