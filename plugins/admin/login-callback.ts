import type { FastifyReply, FastifyRequest, RouteShorthandOptions } from 'fastify'
import fp from 'fastify-plugin'
import type { LoginSettings } from '../../src/auth/login/login-schema.ts'
import { gatehouseError, reasonOf } from '../../src/errors.ts'
import { type LimitRule, limitRules } from '../../src/limits/limit-schema.ts'
import { milliseconds } from '../../src/units.ts'

/**
 * The way back from the OpenID provider, and the way out. They stand in this stage because a route that is registered
 * before the stage of the rate limits would not be limited.
 */
export default fp(
  async (app) => {
    if (app.login === undefined) return
    const { settings, issuer, cookies, pending, refresh, originOf, hints, scheme } = app.login
    const options = (limits: LimitRule[]): RouteShorthandOptions => ({
      schema: { hide: true },
      config: { auth: 'none' as const, limits },
    })
    // a login that was begun here counts by its browser, so that nobody can use up what others behind the address have
    const byBrowser = (request: FastifyRequest): string | null => {
      const browser = cookies.browser(request, originOf(request).secure)
      const state = new URLSearchParams(searchOf(request)).get('state') ?? ''
      return browser !== null && pending.resume(state, browser) !== null ? browser : null
    }
    const ofCallback = [
      ...limitRules('login', { max: 60, window: '1 minute', by: byBrowser }),
      ...limitRules('logins', { max: 600, window: '1 minute', by: 'address' }),
    ]
    app.get(settings.callbackPath, options(ofCallback), async (request, reply) => {
      const { login, secure } = originOf(request)
      const url = new URL(`${login}${settings.callbackPath}${searchOf(request)}`)
      const begun = pending.resume(url.searchParams.get('state') ?? '', cookies.browser(request, secure))
      if (begun === null) {
        throw gatehouseError('GW_BAD_REQUEST', {
          detail: 'This login was begun in another browser, or too long ago: open the page again.',
        })
      }
      const answer = await issuer
        .finish(url, { ...begun, state: url.searchParams.get('state')! })
        .catch((error: unknown) => {
          throw refused(error, request)
        })
      const session = refresh.begin(answer)
      if (session === null) {
        throw gatehouseError('GW_FORBIDDEN', {
          detail: 'The login names nobody: its operator has to say which claim does.',
        })
      }
      const hint =
        answer.idToken === undefined
          ? null
          : cookies.setHint(hints.seal(answer.idToken), sessionSeconds(session.started, settings), secure)
      const set = [...scheme.sessionCookies(session, request, secure), ...(hint === null ? [] : [hint])]
      return reply
        .code(302)
        .header('set-cookie', set)
        .header('cache-control', 'no-store')
        .header('location', begun.page)
        .send()
    })

    const logout = async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
      const site = request.headers['sec-fetch-site']
      if (site === 'cross-site' || site === 'same-site') {
        throw gatehouseError('GW_FORGED', { detail: 'A page of another origin may log nobody out.' })
      }
      const { login, secure } = originOf(request)
      scheme.endSession(request)
      const sealed = cookies.hint(request, secure)
      reply.header('set-cookie', cookies.clear(request, secure)).header('cache-control', 'no-store')
      const after = settings.afterLogout === undefined ? undefined : login + settings.afterLogout
      // whoever wants to leave leaves, whether or not the issuer can be asked
      const url = await issuer.logoutUrl(sealed === null ? null : hints.open(sealed), after).catch(() => null)
      if (url !== null || after !== undefined) {
        return reply
          .code(303)
          .header('location', url?.href ?? after)
          .send()
      }
      return reply.type('text/plain; charset=utf-8').send('You are logged out.\n')
    }
    const ofLogout = options(limitRules('logout', { max: 600, window: '1 minute', by: 'address' }))
    app.get(settings.logoutPath, ofLogout, logout)
    app.post(settings.logoutPath, ofLogout, logout)
  },
  { name: 'login-callback', dependencies: ['rate-limit'] },
)

const sessionSeconds = (started: number, { sessionLifetime }: LoginSettings): number =>
  Math.floor((started + milliseconds(sessionLifetime) - Date.now()) / 1000)

const searchOf = ({ originalUrl }: FastifyRequest): string =>
  originalUrl.includes('?') ? originalUrl.slice(originalUrl.indexOf('?')) : ''

/** What a login that has failed is answered; the words of the issuer are for the log. */
function refused(error: unknown, request: FastifyRequest): Error {
  if ((error as { code?: string }).code === 'GW_AUTH_UNAVAILABLE') return error as Error
  request.log.warn({ reqId: request.id, reason: reasonOf(error) }, 'a login has failed')
  return gatehouseError('GW_FORBIDDEN', {
    detail: 'The login was refused or has failed: open the page again to try once more.',
    cause: error,
  })
}
