import jwt, { type FastifyJWTOptions } from '@fastify/jwt'
import type { onRequestHookHandler, RouteOptions } from 'fastify'
import fp from 'fastify-plugin'
import { AuthDeclaration, type JwtSettings } from '../../src/auth/auth-schema.ts'
import { compileAuthorization } from '../../src/auth/authorize.ts'
import { TokenVerifier } from '../../src/auth/token-verifier.ts'
import { verificationKey } from '../../src/auth/verification-key.ts'
import { checkAgainst } from '../../src/config/schema-check.ts'
import { BootProblems } from '../../src/errors.ts'
import { milliseconds } from '../../src/units.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * The hook that lets a request through as `auth` says; null for `'none'`.
     * @param file  who asks, for the messages. Default: `configuration`
     * @throws BootProblems when `auth` is no declaration, or when tokens are asked for and no key is configured
     */
    authenticator (auth: AuthDeclaration, file?: string): onRequestHookHandler | null
  }
}

/** Authenticates the routes that ask for it, by bearer token. */
export default fp(async (app) => {
  const settings = app.config.jwt
  try {
    if (settings) await app.register(jwt, jwtOptions(settings))
  } catch (error) {
    if (!(error instanceof BootProblems) || !app.hasDecorator('bootProblems')) throw error
    // the routes are still to be looked at
    app.bootProblems.push(...error.problems)
  }
  const verifier = settings && new TokenVerifier(settings, (token) => app.jwt.verify(token))

  app.decorate('authenticator', (auth, file = 'configuration') => {
    const problems = checkAgainst(AuthDeclaration, auth, file)
    if (problems.length > 0) throw new BootProblems(problems.map((problem) => ({ ...problem, field: problem.field ? `auth.${problem.field}` : 'auth' })))
    if (auth === 'none') return null
    if (!verifier) throw new BootProblems([{ file, field: 'auth', message: 'routes need JWT but jwt is not configured: set GATEHOUSE_JWT_SECRET, or GATEHOUSE_JWT_PUBLIC_KEY_FILE' }])
    const authorize = compileAuthorization(auth)
    return (request, _reply, done) => {
      try {
        request.consumer = authorize(verifier.consumer(request.headers, request.raw.rawHeaders, request.raw.socket))
      } catch (error) {
        done(error as Error)
        return
      }
      done()
    }
  })

  const undeclared: RouteOptions[] = []
  app.addHook('onRoute', (route) => {
    const auth = route.config?.auth
    if (auth === undefined) {
      undeclared.push(route)
      return
    }
    const hook = app.authenticator(auth, placeOf(route))
    if (hook) route.onRequest = [...[route.onRequest ?? []].flat(), hook]
  })

  // what is declared after the hook above has looked would be believed by the documents and checked by nobody
  app.addHook('onReady', async () => {
    const late = undeclared.splice(0).filter(({ config }) => config?.auth !== undefined && config.auth !== 'none')
    if (late.length > 0) throw new BootProblems(late.map((route) => ({ file: placeOf(route), field: 'auth', message: 'is stated too late to be checked on requests: state config.auth on the route itself' })))
  })
}, { name: 'jwt' })

const placeOf = ({ config, url }: RouteOptions): string => config?.upstream ?? config?.publicUrl ?? url

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
