import helmet from '@fastify/helmet'
import fastify, { type onRequestHookHandler } from 'fastify'
import fp from 'fastify-plugin'
import type { SecurityRules, SecurityHeaders } from '../../src/browser/browser-schema.ts'
import { helmetOptions, securityHeaderNames, HSTS, isSecure } from '../../src/browser/security-headers.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Headers that make browsers careful. */
    securityHeaders?: SecurityHeaders
  }
}

/**
 * Puts the security headers on every answer of the routes that ask for them; @fastify/helmet says once, at boot, how
 * they read.
 */
export default fp(
  async (app) => {
    const wanted = new Map<string, { rules: SecurityRules; headers: [string, string][] }>()
    app.routePhase('securityHeaders', ({ config }) => {
      const stated = config?.securityHeaders
      if (!stated) return null
      const rules = stated === true ? {} : stated
      const key = JSON.stringify(rules)
      const { headers } = wanted.get(key) ?? wanted.set(key, { rules, headers: [] }).get(key)!
      return marker(headers)
    })
    app.addHook('onReady', async () => {
      for (const { rules, headers } of wanted.values()) headers.push(...(await headersOf(rules)))
    })
  },
  { name: 'security-headers' },
)

async function headersOf(rules: SecurityRules): Promise<[string, string][]> {
  const scratch = fastify()
  await scratch.register(helmet, helmetOptions(rules))
  scratch.get('/', (_request, reply) => {
    reply.send()
  })
  const { headers } = await scratch.inject('/')
  await scratch.close()
  return securityHeaderNames(rules).map((name) => [name, String(headers[name])])
}

const marker =
  (headers: readonly [string, string][]): onRequestHookHandler =>
  (request, reply, done) => {
    // RFC 6797, section 7.2: Strict-Transport-Security goes over TLS alone
    for (const [name, value] of headers) if (name !== HSTS || isSecure(request)) reply.header(name, value)
    done()
  }
