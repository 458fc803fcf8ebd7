import jwt, { type FastifyJWTOptions } from '@fastify/jwt'
import fp from 'fastify-plugin'
import { JwtScheme } from '../../src/auth/jwt/jwt-scheme.ts'
import type { JwtSettings } from '../../src/auth/jwt/jwt-schema.ts'
import { verificationKey } from '../../src/auth/jwt/verification-key.ts'
import { BootProblems } from '../../src/errors.ts'
import { milliseconds } from '../../src/units.ts'

/** Bearer tokens, verified with @fastify/jwt. */
export default fp(async (app) => {
  const settings = app.config.jwt
  if (!settings) return
  try {
    await app.register(jwt, jwtOptions(settings))
  } catch (error) {
    if (!(error instanceof BootProblems) || !app.hasDecorator('bootProblems')) throw error
    // the routes are still to be looked at
    app.bootProblems.push(...error.problems)
  }
  app.authSchemes.set('jwt', new JwtScheme(settings, (token) => app.jwt.verify(token)))
}, { name: 'jwt', dependencies: ['auth-schemes'] })

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
