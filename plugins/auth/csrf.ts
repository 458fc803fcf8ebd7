import fp from 'fastify-plugin'
import { credentialPlaces, hasAmbient } from '../../src/auth/credentials.ts'
import { ForgeryCheck } from '../../src/browser/same-origin.ts'
import { gatehouseError } from '../../src/errors.ts'
import { isUpgrade } from '../../src/listener/upgrade.ts'
import type { Csrf } from '../../src/browser/browser-schema.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** How requests are refused that pages of other origins forge. */
    csrf?: Csrf
  }
}

/**
 * Refuses requests of pages of other origins that make changes with a cookie of the client, and WebSockets with any
 * credentials that browsers add by themselves.
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
