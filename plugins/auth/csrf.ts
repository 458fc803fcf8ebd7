import fp from 'fastify-plugin'
import { credentialPlaces } from '../../src/auth/credentials.ts'
import { ForgeryCheck } from '../../src/browser/same-origin.ts'
import { gatehouseError } from '../../src/errors.ts'
import { isUpgrade } from '../../src/listener/upgrade.ts'

/** Keeps pages of other origins from making changes in the name of whoever is signed in by a cookie. */
export default fp(async (app) => {
  app.guardRoutes((route) => {
    const { auth = 'none', csrf = true, cors } = route.config ?? {}
    const cookies = credentialPlaces(auth, app.authSchemes)?.cookies ?? []
    if (csrf === false || cookies.length === 0) return
    const trusted = cors && cors.credentials && cors.origins !== '*' ? cors.origins : []
    const check = new ForgeryCheck(cookies, csrf, trusted)
    route.onRequest = [...[route.onRequest ?? []].flat(), (request, _reply, done) => {
      const { method, headers, protocol, host, raw } = request
      done(check.isForged({ method, headers, protocol, host, isUpgrade: isUpgrade(raw) }) ? gatehouseError('GW_FORGED') : undefined)
    }]
  })
}, { name: 'csrf', dependencies: ['auth-schemes', 'jwt', 'api-key', 'basic', 'client-certificate', 'forward-auth', 'http-signature', 'introspection', 'login'] })
