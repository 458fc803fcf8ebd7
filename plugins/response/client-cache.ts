import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import caching from '@fastify/caching'
import fastify, { type FastifyReply, type FastifyRequest, type onSendHookHandler } from 'fastify'
import fp from 'fastify-plugin'
import { isNotModified } from '../../src/cache/conditional-request.ts'
import { BootProblems } from '../../src/errors.ts'
import { guarded, sendStage } from '../../src/listener/settle.ts'
import { failureAnswer } from '../../src/upstream/attempt-failure.ts'
import { forgetContent } from '../../src/proxy/response-headers.ts'
import { ClientControl, controlMistake, wordingsOf } from '../../src/response/client-control.ts'
import { collectStream } from '../../src/response/collected-stream.ts'
import { notModified } from '../../src/response/content-headers.ts'
import type { ClientCache } from '../../src/response/client-cache-schema.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What clients are told about keeping responses. */
    clientCache?: ClientCache
  }
}

type Done = Parameters<onSendHookHandler<unknown>>[3]

/** Largest body that is hashed, and how long after its head it may come: milliseconds. */
const HASH_LIMIT = 1024 * 1024
const HASH_TIME = 100

/**
 * Tells clients how long they may keep the responses of the routes that say so; @fastify/caching says once, at boot,
 * how that reads.
 */
export default fp(
  async (app) => {
    const controls: ClientControl[] = []
    app.routePhase('clientCache', ({ url, config: { clientCache: settings, upstream } = {} }) => {
      if (!settings) return null
      const mistake = controlMistake(settings)
      if (mistake !== null) {
        throw new BootProblems([
          { file: upstream ?? url, field: `clientCache.${mistake.field}`, message: mistake.message },
        ])
      }
      const control = new ClientControl(settings)
      controls.push(control)
      return sendStage((request, reply, payload, done) => {
        control.state(request, reply)
        if (settings.etag && wantsTag(request, reply, payload)) {
          tag(request, reply, payload as string | Buffer | Readable, done)
        } else done(null, payload)
      })
    })
    app.addHook('onReady', async () => {
      const made = new Map<string, Promise<string>>()
      for (const control of controls) {
        for (const wording of wordingsOf(control.settings)) {
          const key = JSON.stringify(wording)
          const text = made.get(key) ?? made.set(key, wordingOf(wording)).get(key)!
          control.wordings.push(await text)
        }
      }
    })
  },
  { name: 'client-cache' },
)

/** What @fastify/caching says for its options. */
async function wordingOf(options: caching.FastifyCachingPluginOptions): Promise<string> {
  const scratch = fastify()
  await scratch.register(caching, options)
  scratch.get('/', (_request, reply) => {
    reply.send()
  })
  const { headers } = await scratch.inject('/')
  await scratch.close()
  return String(headers['cache-control'])
}

/**
 * Whether a response has a whole body and nothing to be validated by. Without the body, as for HEAD, there is nothing
 * to hash.
 */
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

/** Tags of stored bodies, which are the same at each hit. */
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
      // whoever waits for the head has waited long enough
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
