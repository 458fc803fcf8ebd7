import { createHash } from 'node:crypto'
import type { onSendHookHandler } from 'fastify'
import { isNotModified } from '../cache/conditional-request.ts'
import { notModified, varyByEncoding } from '../response/content-headers.ts'

/** Longer bodies must have an ETag already. Characters or bytes. */
const HASHED = 64 * 1024

/**
 * An `onSend` hook that gives the gateway's own pages an `ETag` and answers 304 to a client that has the page (RFC
 * 9110, section 13.1.2). The tags are weak, since the same page goes out in several content codings.
 */
export const validatePage: onSendHookHandler<unknown> = (request, reply, payload, done) => {
  if (reply.statusCode !== 200) return done(null, payload)
  // @fastify/compress runs later and would add the name again in another spelling
  varyByEncoding(reply, 'accept-encoding')
  if (
    !reply.hasHeader('etag') &&
    (typeof payload === 'string' || Buffer.isBuffer(payload)) &&
    payload.length <= HASHED
  ) {
    reply.header('etag', `W/"${createHash('sha256').update(payload).digest('base64url')}"`)
  }
  const etag = reply.getHeader('etag')
  if (
    request.headers['if-none-match'] === undefined ||
    typeof etag !== 'string' ||
    !isNotModified(request.headers, { status: 200, headers: { etag }, storedAt: 0 })
  ) {
    return done(null, payload)
  }
  notModified(reply)
  done(null, null)
}
