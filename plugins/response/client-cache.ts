import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest, onSendHookHandler } from 'fastify'
import fp from 'fastify-plugin'
import { isNotModified } from '../../src/cache/conditional-request.ts'
import { BootProblems } from '../../src/errors.ts'
import { guarded, sendStage } from '../../src/listener/settle.ts'
import { failureAnswer } from '../../src/upstream/attempt-failure.ts'
import { forgetContent } from '../../src/proxy/response-headers.ts'
import { ClientControl, controlMistake } from '../../src/response/client-control.ts'
import { collectStream } from '../../src/response/collected-stream.ts'
import { notModified } from '../../src/response/content-headers.ts'
import type { ClientCache } from '../../src/response/client-cache-schema.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** How long clients may keep responses. */
    clientCache?: ClientCache
  }
}

type Done = Parameters<onSendHookHandler<unknown>>[3]

/** Largest body that is hashed, and how long after its head it may come: milliseconds. */
const HASH_LIMIT = 1024 * 1024
const HASH_TIME = 100

/**
 * Sets `Cache-Control` and `ETag` for clients, on the routes with `clientCache`.
 *
 * @fastify/caching does that for the pages of the documentation, which all have one rule. It cannot do it here: it knows
 * one rule for a whole scope, states `public` on responses to one consumer and `no-store` on a 304, and answers 304
 * before authentication to any request that names a known `ETag`, whatever its path.
 */
export default fp(
  async (app) => {
    app.routePhase('clientCache', ({ url, config: { clientCache: settings, upstream } = {} }) => {
      if (!settings) return null
      const mistake = controlMistake(settings)
      if (mistake !== null) {
        throw new BootProblems([
          { file: upstream ?? url, field: `clientCache.${mistake.field}`, message: mistake.message },
        ])
      }
      const control = new ClientControl(settings)
      return sendStage((request, reply, payload, done) => {
        control.state(request, reply)
        if (settings.etag && wantsTag(request, reply, payload)) {
          tag(request, reply, payload as string | Buffer | Readable, done)
        } else done(null, payload)
      })
    })
  },
  { name: 'client-cache' },
)

/** Whether a response needs an `ETag`: it has a whole body that can be hashed, and no validator of its own. */
function wantsTag({ method }: FastifyRequest, reply: FastifyReply, payload: unknown): boolean {
  if (
    method !== 'GET' ||
    reply.statusCode !== 200 ||
    ['etag', 'last-modified', 'content-range', 'trailer'].some((name) => reply.hasHeader(name))
  ) {
    return false
  }
  if (typeof payload === 'string' || Buffer.isBuffer(payload)) return Buffer.byteLength(payload) <= HASH_LIMIT
  if (!(payload instanceof Readable) || Number(reply.getHeader('content-length') ?? 0) > HASH_LIMIT) return false
  return !String(reply.getHeader('content-type')).toLowerCase().startsWith('text/event-stream')
}

/** The tags of stored bodies, so that a cache hit hashes nothing. */
const known = new WeakMap<Buffer, string>()

function tag(request: FastifyRequest, reply: FastifyReply, payload: string | Buffer | Readable, done: Done): void {
  if (!(payload instanceof Readable)) {
    const stored = request.storedBody
    const made = (stored && known.get(stored)) ?? tagOf(payload)
    if (stored !== null) known.set(stored, made)
    return answer(request, reply, payload, made, done)
  }
  collectStream(payload, HASH_LIMIT, HASH_TIME, (error, body) =>
    guarded(reply, () => {
      if (error !== null) {
        forgetContent(reply)
        return done(failureAnswer(error))
      }
      if (body !== null) return answer(request, reply, body, tagOf(body), done)
      done(null, payload)
      // the body is late: send at least the head
      if (!reply.raw.headersSent && !reply.raw.destroyed && reply.raw.getHeaderNames().length > 0) {
        reply.raw.flushHeaders()
      }
    }),
  )
}

const tagOf = (body: string | Buffer): string =>
  `"${createHash('sha256').update(body).digest('base64url').slice(0, 27)}"`

function answer(request: FastifyRequest, reply: FastifyReply, body: string | Buffer, etag: string, done: Done): void {
  reply.header('etag', etag)
  const condition = request.headers['if-none-match']
  if (
    condition !== undefined &&
    isNotModified({ 'if-none-match': condition }, { status: 200, headers: { etag }, storedAt: 0 })
  ) {
    notModified(reply)
    done(null, null)
  } else done(null, body)
}
