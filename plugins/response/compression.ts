import compress from '@fastify/compress'
import fastify, { type FastifyRequest, type onSendHookHandler } from 'fastify'
import fp from 'fastify-plugin'
import { EncodedBodies } from '../../src/cache/encoded-bodies.ts'
import { guarded, sendStage } from '../../src/listener/settle.ts'
import { CompressionStage, type CompressWhole } from '../../src/proxy/compression-stage.ts'
import { encodeWhole, WHOLE_BODY_OPTIONS } from '../../src/response/codings.ts'
import { CompressionRules } from '../../src/response/compression-rules.ts'
import { CODINGS, type Compression } from '../../src/response/compression-schema.ts'
import { bytes } from '../../src/units.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** How responses are compressed. */
    compress?: Compression
  }
}

/** Compresses the responses of the routes that say so, in what the client takes, and decompresses what it does not. */
export default fp(
  async (app) => {
    const compressWhole = await wholeBodies()
    const kept = new EncodedBodies(bytes(app.config.cache.memory), encodeWhole)
    app.routePhase('compression', ({ config }) => {
      const stated = config?.compress
      if (!stated) return null
      const stage = new CompressionStage(new CompressionRules(stated), compressWhole, kept)
      return sendStage((request, reply, payload, done) => stage.run(request, reply, payload, done))
    })
  },
  { name: 'compression' },
)

/**
 * Has @fastify/compress do it, by the hook that it gives to a route. It is asked of a scratch application: on this one
 * it would put a hook on every route, and plugins in `routes/` could not register it for themselves.
 */
async function wholeBodies(): Promise<CompressWhole> {
  const scratch = fastify()
  await scratch.register(compress, { global: false })
  let hook!: onSendHookHandler<unknown>
  scratch.addHook('onRoute', ({ onSend }) => {
    hook = [onSend].flat()[0] as onSendHookHandler<unknown>
  })
  scratch.get(
    '/',
    {
      exposeHeadRoute: false,
      compress: { encodings: [...CODINGS], threshold: 0, customTypes: () => true, ...WHOLE_BODY_OPTIONS },
    },
    () => '',
  )
  await scratch.ready()
  // what to do has been decided by then; its own reading of Accept-Encoding takes "gzip;q=0, *" for gzip
  const requests = Object.fromEntries(
    CODINGS.map((coding) => [coding, { headers: { 'accept-encoding': coding } } as unknown as FastifyRequest]),
  )
  return (coding, reply, body, done) => {
    const vary = reply.getHeader('vary')
    hook.call(scratch, requests[coding]!, reply, body, ((error: Error | null, encoded: unknown) =>
      guarded(reply, () => {
        reply.header('vary', vary)
        done(error as null, encoded)
      })) as typeof done)
  }
}
