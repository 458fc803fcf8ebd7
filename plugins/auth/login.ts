import fp from 'fastify-plugin'
import { EndedSessions, type EndedSessionsRedis } from '../../src/auth/login/ended-sessions.ts'
import { LoginCookies } from '../../src/auth/login/login-cookies.ts'
import { LoginIssuer } from '../../src/auth/login/login-issuer.ts'
import { loginOrigin, LoginScheme } from '../../src/auth/login/login-scheme.ts'
import type { LoginSettings } from '../../src/auth/login/login-schema.ts'
import { SessionSeal, PendingLogins, SealedText } from '../../src/auth/login/login-session.ts'
import { REMEMBERED, SessionRefresh, type RefreshRedis, SharedRefresh } from '../../src/auth/login/session-refresh.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** The parts of the login, for its routes; absent when no login is configured. */
    login?: LoginService
  }
}

interface LoginService {
  settings: LoginSettings
  issuer: LoginIssuer
  cookies: LoginCookies
  pending: PendingLogins
  refresh: SessionRefresh
  originOf: ReturnType<typeof loginOrigin>
  /** Seals ID tokens for the cookie that the logout alone gets. */
  hints: SealedText
  scheme: LoginScheme
}

/** Logins at an OpenID provider: the scheme. Its routes are in `login-callback`. */
export default fp(
  async (app) => {
    const settings = app.config.login
    if (!settings) return
    const issuer = new LoginIssuer(settings)
    const cookies = new LoginCookies(settings)
    const pending = new PendingLogins(settings)
    const seal = new SessionSeal(settings)
    // the connection is made by the rate limits, which are registered later
    const redis = (): (EndedSessionsRedis & RefreshRedis) | null =>
      app.redis as (EndedSessionsRedis & RefreshRedis) | null
    const isShared = app.config.redis !== undefined
    const ended = new EndedSessions({ log: app.log, ...(isShared ? { redis } : {}) })
    const refresh = new SessionRefresh(
      issuer,
      settings,
      Date.now,
      isShared ? new SharedRefresh(redis, seal, REMEMBERED) : undefined,
    )
    const originOf = loginOrigin(settings)
    const hints = hintSeal(settings)
    const scheme = new LoginScheme(settings, { cookies, seal, refresh, ended, pending, issuer, originOf })
    await app.addAuthScheme('login', () => scheme)

    app.decorate('login', { settings, issuer, cookies, pending, refresh, originOf, hints, scheme })
  },
  { name: 'login', dependencies: ['auth-schemes'] },
)

/** ID tokens have a cookie of their own, since only the logout needs them. */
const hintSeal = ({ issuer, clientId, sessionSecret }: LoginSettings): SealedText =>
  new SealedText([sessionSecret].flat(), JSON.stringify(['gatehouse login hint 1', issuer, clientId]))
