import jwt, { type FastifyJWTOptions } from '@fastify/jwt'
import type { onRequestHookHandler } from 'fastify'
import fp from 'fastify-plugin'
import type { AuthDeclaration, JwtSettings } from '../../src/auth/auth-schema.ts'
import { authorize } from '../../src/auth/authorize.ts'
import { TokenVerifier } from '../../src/auth/token-verifier.ts'
import { verificationKey } from '../../src/auth/verification-key.ts'
import { BootProblems } from '../../src/errors.ts'
import { milliseconds } from '../../src/units.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * The hook that lets a request through as `auth` says; null for `'none'`.
     * @throws BootProblems when tokens are asked for and no key is configured
     */
    authenticator (auth: AuthDeclaration): onRequestHookHandler | null
  }
}

/** Authenticates the routes that ask for it, by bearer token. */
export default fp(async (app) => {
  const settings = app.config.jwt
  if (settings) await app.register(jwt, jwtOptions(settings))
  const verifier = settings && new TokenVerifier(settings, (token) => app.jwt.verify(token))

  app.decorate('authenticator', (auth) => {
    if (auth === 'none') return null
    if (!verifier) throw new BootProblems([{ file: 'configuration', field: 'jwt', message: 'missing, and a route wants tokens: set GATEHOUSE_JWT_SECRET, or GATEHOUSE_JWT_PUBLIC_KEY_FILE' }])
    return (request, _reply, done) => {
      try {
        request.consumer = authorize(verifier.consumer(request.headers), auth)
      } catch (error) {
        done(error as Error)
        return
      }
      done()
    }
  })

  app.addHook('onRoute', (route) => {
    const hook = route.config?.auth && app.authenticator(route.config.auth)
    if (hook) route.onRequest = [...[route.onRequest ?? []].flat(), hook]
  })
}, { name: 'jwt' })

function jwtOptions (settings: JwtSettings): FastifyJWTOptions {
  const { key, algorithms } = verificationKey(settings)
  const required = [...settings.issuer ? ['iss'] : [], ...settings.audience ? ['aud'] : []]
  return {
    secret: settings.secret ?? { public: key },
    verify: {
      algorithms,
      allowedIss: settings.issuer,
      allowedAud: settings.audience,
      clockTolerance: milliseconds(settings.clockTolerance),
      ...required.length > 0 ? { requiredClaims: required } : {},
    },
  } as FastifyJWTOptions
}
