import fp from 'fastify-plugin'
import { credentialPlaces, hasAmbient } from '../../src/auth/credentials.ts'
import { ForgeryCheck } from '../../src/browser/same-origin.ts'
import { gatehouseError } from '../../src/errors.ts'
import { isUpgrade } from '../../src/listener/upgrade.ts'
import type { Csrf } from '../../src/browser/browser-schema.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Which requests are refused as forged by pages of other origins. */
    csrf?: Csrf
  }
}

/**
 * Refuses cross-origin requests that make changes with a cookie, and cross-origin WebSockets with any credentials that
 * browsers attach by themselves.
 */
export default fp(
  async (app) => {
    app.routePhase('forgery', ({ config = {} }) => {
      const { auth = 'none', csrf = true, cors } = config
      const cookies = credentialPlaces(auth, app.authSchemes)?.cookies ?? []
      const isAmbient = hasAmbient(auth, app.authSchemes)
      if (csrf === false || (cookies.length === 0 && !isAmbient)) return null
      const trusted = cors && cors.credentials && cors.origins !== '*' ? cors.origins : []
      const check = new ForgeryCheck(cookies, csrf, trusted, isAmbient)
      return (request, _reply, done) => {
        if (cookies.length === 0 && !isUpgrade(request.raw)) {
          done()
          return
        }
        const { method, headers, protocol, host, raw } = request
        done(
          check.isForged({ method, headers, protocol, host, isUpgrade: isUpgrade(raw) })
            ? gatehouseError('GW_FORGED')
            : undefined,
        )
      }
    })
  },
  { name: 'csrf', dependencies: ['auth-schemes', 'authenticate'] },
)
