import type { onRequestHookHandler, RouteOptions } from 'fastify'
import fp from 'fastify-plugin'
import { AuthDeclaration, type Consumer, type SchemeName } from '../../src/auth/auth-schema.ts'
import { compileAuthenticator } from '../../src/auth/authenticator.ts'
import { ConsumerDirectory } from '../../src/auth/consumer-directory.ts'
import { FailedAttempts, UNCOUNTED } from '../../src/auth/failed-attempts.ts'
import type { AuthRequest, AuthScheme } from '../../src/auth/scheme.ts'
import { type FailureRedis, SharedFailures } from '../../src/auth/failure-counts.ts'
import { checkAgainst } from '../../src/config/schema-check.ts'
import { BootProblems } from '../../src/errors.ts'
import { addressKey } from '../../src/limits/limit-key.ts'
import type {} from '../../src/proxy/pipeline.ts'
import { settle } from '../../src/listener/settle.ts'
import { milliseconds } from '../../src/units.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Who may call. Every route of `routes/` must state it, or inherit it. */
    auth?: AuthDeclaration
  }
  interface FastifyRequest {
    /** Cookies that authentication sets, in addition to those of the response. */
    setCookie: readonly string[] | null
  }
  interface FastifyInstance {
    /**
     * The hook that authenticates requests as `auth` declares; null for `'none'`.
     * @param file  file of the declaration, for the messages. Default: `configuration`
     * @throws BootProblems when `auth` is no declaration, or when it uses a scheme that is not configured
     */
    authenticator(auth: AuthDeclaration, file?: string): onRequestHookHandler | null
    /**
     * The consumer of a request that is only explained; null is an anonymous client. Has no side effects.
     * @throws GatehouseError when the request would be refused
     */
    explainAuth(auth: AuthDeclaration, request: AuthRequest): Promise<Consumer | null>
  }
}

/** How to configure each scheme, for the message about a missing one. */
const HOW: Record<SchemeName, string> = {
  jwt: 'set GATEHOUSE_JWT_SECRET or GATEHOUSE_JWT_PUBLIC_KEY (with _FILE at the end, the name of a file that has it), or GATEHOUSE_JWT_JWKS_URI',
  introspection: 'set introspection.url and clientId, and clientSecret by GATEHOUSE_INTROSPECTION_CLIENT_SECRET',
  forwardAuth: 'set forwardAuth.url',
  signature: 'set signatures.keys',
  apiKey: 'set apiKeys.keys, apiKeys.file or apiKeys.redis',
  basic: 'set basic.users or basic.file',
  clientCertificate: 'set clientCertificates',
  login:
    'set login.issuer and login.clientId, and login.sessionSecret by GATEHOUSE_LOGIN_SESSION_SECRET (with _FILE at the end, the name of a file that has it)',
}

/** Authenticates the routes that ask for it, with the schemes that their `auth` names. */
export default fp(
  async (app) => {
    const { failedAttempts } = app.config
    const directory = new ConsumerDirectory(app.config)
    const bound = failedAttempts
      ? { max: failedAttempts.max, windowMs: milliseconds(failedAttempts.window) }
      : { max: Infinity, windowMs: 0 }
    // the connection is made by the rate limits, which are registered later
    const redis = (): FailureRedis | null => app.redis as FailureRedis | null
    const shared = app.config.redis === undefined ? undefined : new SharedFailures(redis, bound.windowMs)
    const failures = new FailedAttempts(bound, addressKey, { shared })

    const schemeOf = (name: SchemeName, file: string): AuthScheme => {
      const scheme = app.authSchemes.get(name)
      if (!scheme) {
        throw new BootProblems([
          { file, field: 'auth', message: `asks for ${name}, which is not configured: ${HOW[name]}` },
        ])
      }
      return scheme
    }

    app.decorate(
      'explainAuth',
      async (auth, request) =>
        compileAuthenticator(
          auth,
          (name) => schemeOf(name, 'configuration'),
          UNCOUNTED,
          directory.complete,
        )?.(request) ?? null,
    )

    app.decorate('authenticator', (auth, file = 'configuration') => {
      const problems = checkAgainst(AuthDeclaration, auth, file)
      if (problems.length > 0) {
        throw new BootProblems(
          problems.map((problem) => ({ ...problem, field: problem.field ? `auth.${problem.field}` : 'auth' })),
        )
      }
      const authenticate = compileAuthenticator(auth, (name) => schemeOf(name, file), failures, directory.complete)
      if (authenticate === null) return null
      return (request, reply, done) => {
        try {
          const found = authenticate(request)
          if (found instanceof Promise) {
            settle(
              found.then((consumer) => {
                request.consumer = consumer
                request.authorized = true
                if (request.setCookie !== null) reply.header('set-cookie', request.setCookie)
                done()
              }),
              reply,
            )
            return
          }
          request.consumer = found
          request.authorized = true
        } catch (error) {
          done(error as Error)
          return
        }
        done()
      }
    })

    app.decorateRequest('setCookie', null)
    app.decorateRequest('authorized', false)
    const undeclared: RouteOptions[] = []
    app.routePhase('authentication', (route) => {
      const auth = route.config?.auth
      if (auth !== undefined) return app.authenticator(auth, placeOf(route))
      undeclared.push(route)
      return null
    })

    // an `auth` that is added after registration would be documented but not enforced
    app.addHook('onReady', async () => {
      const late = undeclared.splice(0).filter(({ config }) => config?.auth !== undefined && config.auth !== 'none')
      if (late.length > 0) {
        throw new BootProblems(
          late.map((route) => ({
            file: placeOf(route),
            field: 'auth',
            message: 'is stated too late to be checked on requests: state config.auth on the route itself',
          })),
        )
      }
    })
  },
  { name: 'authenticate', dependencies: ['auth-schemes'] },
)

const placeOf = ({ config, url }: RouteOptions): string => config?.upstream ?? config?.publicUrl ?? url
