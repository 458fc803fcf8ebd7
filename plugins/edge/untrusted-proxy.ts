import fp from 'fastify-plugin'
import { ForwardedHeaders } from '../../src/proxy/forwarded-headers.ts'

/** Fields by which proxies say who the client is. */
const FIELDS = ['x-forwarded-for', 'forwarded', 'x-real-ip'] as const

const WARNING =
  'a peer outside trustProxy states the client address: if it is your proxy, add its address to ' +
  'trustProxy, or all its clients count as one address for rate limits and failed attempts; else the field is ignored'

/**
 * Warns once about a proxy that is not in `trustProxy`: all its clients would share one address, and with it rate
 * limits and failed attempts. Once, because anybody can send such a field.
 */
export default fp(
  async (app) => {
    const { trustProxy, via } = app.config
    const forwarded = new ForwardedHeaders(trustProxy, via)
    let warned = false
    app.requestPhase('edge', (request, _reply, done) => {
      if (!warned) {
        const field = FIELDS.find((name) => request.headers[name] !== undefined)
        if (field !== undefined && !forwarded.trusts(request.raw.socket)) {
          warned = true
          app.log.warn({ peer: request.raw.socket.remoteAddress, field }, WARNING)
        }
      }
      done()
    })
  },
  { name: 'untrusted-proxy' },
)
