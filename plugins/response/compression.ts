import compress from '@fastify/compress'
import type { FastifyRequest, onSendHookHandler, RouteOptions } from 'fastify'
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

/**
 * Compresses responses for clients that accept it, and decompresses responses in a coding that the client does not
 * accept, on the routes with `compress`.
 *
 * @fastify/compress is registered in the scope of each declared upstream, and compresses whole bodies. Our stage decides
 * before it, and does what it does not: streams that are flushed piece by piece, stored bodies that are compressed
 * once, decompression, and `ETag`. Hand-written plugins may register the package themselves.
 */
export default fp(
  async (app) => {
    const kept = new EncodedBodies(bytes(app.config.cache.memory), encodeWhole)
    const stages = new WeakMap<RouteOptions, CompressionStage>()
    app.routePhase('compression', (route) => {
      const stated = route.config?.compress
      if (!stated) return null
      const stage = new CompressionStage(new CompressionRules(stated), kept)
      stages.set(route, stage)
      return sendStage((request, reply, payload, done) => stage.run(request, reply, payload, done))
    })
    app.upstreamPlugins.push(async (scope) => {
      // the phase has run for the route by now: hooks of this scope come after those of the application
      scope.addHook('onRoute', (route) => {
        route.compress = stages.has(route) ? PACKAGE_OPTIONS : false
      })
      await scope.register(compress, { global: false })
      scope.addHook('onRoute', (route) => {
        const stage = stages.get(route)
        // the package has put its hook at the end; it runs inside our stage instead
        if (stage) stage.compressWhole = withCoding((route.onSend as onSendHookHandler<unknown>[]).pop()!)
      })
    })
  },
  { name: 'compression' },
)

/** Of a route, as @fastify/compress takes them. `CompressionRules` has decided on size and type before. */
const PACKAGE_OPTIONS = { encodings: [...CODINGS], threshold: 0, customTypes: () => true, ...WHOLE_BODY_OPTIONS }

/** What @fastify/compress reads of a request that accepts one coding. */
const REQUESTS = Object.fromEntries(
  CODINGS.map((coding) => [coding, { headers: { 'accept-encoding': coding } } as unknown as FastifyRequest]),
)

/**
 * Runs the hook of @fastify/compress for the coding that we chose. Its own reading of `Accept-Encoding` takes
 * `gzip;q=0, *` for gzip, and it adds `accept-encoding` to a `Vary` that has it in another spelling.
 */
function withCoding(hook: onSendHookHandler<unknown>): CompressWhole {
  return (coding, reply, body, done) => {
    const vary = reply.getHeader('vary')
    hook.call(reply.server, REQUESTS[coding]!, reply, body, ((error: Error | null, encoded: unknown) =>
      guarded(reply, () => {
        reply.header('vary', vary)
        done(error as null, encoded)
      })) as typeof done)
  }
}
