import type { FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { EndedSessions, type EndedSessionsRedis } from '../../src/auth/login/ended-sessions.ts'
import { LoginCookies } from '../../src/auth/login/login-cookies.ts'
import { LoginIssuer } from '../../src/auth/login/login-issuer.ts'
import { loginOrigin } from '../../src/auth/login/login-origin.ts'
import { LoginScheme } from '../../src/auth/login/login-scheme.ts'
import type { LoginSettings } from '../../src/auth/login/login-schema.ts'
import { SessionSeal } from '../../src/auth/login/login-session.ts'
import { PendingLogins } from '../../src/auth/login/login-state.ts'
import { SealedText } from '../../src/auth/login/sealed-text.ts'
import { REMEMBERED, SessionRefresh } from '../../src/auth/login/session-refresh.ts'
import { type RefreshRedis, SharedRefresh } from '../../src/auth/login/shared-refresh.ts'
import { gatehouseError, reasonOf } from '../../src/errors.ts'
import { limitRules } from '../../src/limits/limit-schema.ts'
import { milliseconds } from '../../src/units.ts'

/** Logins at an OpenID provider: the scheme, the way back from the provider, and the way out. */
export default fp(async (app) => {
  const settings = app.config.login
  if (!settings) return
  const issuer = new LoginIssuer(settings)
  const cookies = new LoginCookies(settings)
  const pending = new PendingLogins(settings)
  const seal = new SessionSeal(settings)
  // the plugin of the rate limits, which is registered later, has the connection
  const redis = (): (EndedSessionsRedis & RefreshRedis) | null => app.redis as (EndedSessionsRedis & RefreshRedis) | null
  const isShared = app.config.redis !== undefined
  const ended = new EndedSessions({ log: app.log, ...isShared ? { redis } : {} })
  const refresh = new SessionRefresh(issuer, settings, Date.now, isShared ? new SharedRefresh(redis, seal, REMEMBERED) : undefined)
  const originOf = loginOrigin(settings)
  const hints = hintSeal(settings)
  const scheme = new LoginScheme(settings, { cookies, seal, refresh, ended, pending, issuer, originOf })
  await app.addAuthScheme('login', () => scheme)

  const options = { schema: { hide: true }, config: { auth: 'none' as const, limits: limitRules('login', { max: 60, window: '1 minute', by: 'address' }) } }
  app.get(settings.callbackPath, options, async (request, reply) => {
    const { login, secure } = originOf(request)
    const url = new URL(`${login}${settings.callbackPath}${searchOf(request)}`)
    const begun = pending.resume(url.searchParams.get('state') ?? '', cookies.browser(request, secure))
    if (begun === null) throw gatehouseError('GW_BAD_REQUEST', { detail: 'This login was begun in another browser, or too long ago: open the page again.' })
    const answer = await issuer.finish(url, { ...begun, state: url.searchParams.get('state')! }).catch((error: unknown) => { throw refused(error, request) })
    const session = refresh.begin(answer)
    if (session === null) throw gatehouseError('GW_FORBIDDEN', { detail: 'The login names nobody: its operator has to say which claim does.' })
    const hint = answer.idToken === undefined ? null : cookies.setHint(hints.seal(answer.idToken), sessionSeconds(session.started, settings), secure)
    const set = [...scheme.sessionCookies(session, request, secure), ...hint === null ? [] : [hint]]
    return reply.code(302).header('set-cookie', set).header('cache-control', 'no-store').header('location', begun.page).send()
  })

  const logout = async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    const site = request.headers['sec-fetch-site']
    if (site === 'cross-site' || site === 'same-site') throw gatehouseError('GW_FORGED', { detail: 'A page of another origin may log nobody out.' })
    const { login, secure } = originOf(request)
    scheme.endSession(request)
    const sealed = cookies.hint(request, secure)
    reply.header('set-cookie', cookies.clear(request, secure)).header('cache-control', 'no-store')
    const after = settings.afterLogout === undefined ? undefined : login + settings.afterLogout
    // whoever wants to leave leaves, whether or not the issuer can be asked
    const url = await issuer.logoutUrl(sealed === null ? null : hints.open(sealed), after).catch(() => null)
    if (url !== null || after !== undefined) return reply.code(303).header('location', url?.href ?? after).send()
    return reply.type('text/plain; charset=utf-8').send('You are logged out.\n')
  }
  app.get(settings.logoutPath, options, logout)
  app.post(settings.logoutPath, options, logout)
}, { name: 'login', dependencies: ['auth-schemes'] })

/** ID tokens are kept apart from sessions, since the logout alone has a use for them. */
const hintSeal = ({ issuer, clientId, sessionSecret }: LoginSettings): SealedText =>
  new SealedText([sessionSecret].flat(), JSON.stringify(['gatehouse login hint 1', issuer, clientId]))

const sessionSeconds = (started: number, { sessionLifetime }: LoginSettings): number => Math.floor((started + milliseconds(sessionLifetime) - Date.now()) / 1000)

const searchOf = ({ originalUrl }: FastifyRequest): string => originalUrl.includes('?') ? originalUrl.slice(originalUrl.indexOf('?')) : ''

/** What a login that has failed is answered; the words of the issuer are for the log. */
function refused (error: unknown, request: FastifyRequest): Error {
  if ((error as { code?: string }).code === 'GW_AUTH_UNAVAILABLE') return error as Error
  request.log.warn({ reqId: request.id, reason: reasonOf(error) }, 'a login has failed')
  return gatehouseError('GW_FORBIDDEN', { detail: 'The login was refused or has failed: open the page again to try once more.', cause: error })
}
