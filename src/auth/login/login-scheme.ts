import { gatehouseError } from '../../errors.ts'
import { milliseconds } from '../../units.ts'
import type { Consumer } from '../auth-schema.ts'
import type { AuthRequest, AuthScheme, CredentialPlaces } from '../scheme.ts'
import type { EndedSessions } from './ended-sessions.ts'
import type { LoginCookies } from './login-cookies.ts'
import { type LoginIssuer, SessionOver } from './login-issuer.ts'
import type { LoginSettings } from './login-schema.ts'
import { type LoginSession, type SessionSeal, LOGIN_TIME, type PendingLogins, unguessable } from './login-session.ts'
import type { SessionRefresh } from './session-refresh.ts'

/** Part of `idle` after which the session cookie is renewed with a new time of use. */
const IDLE_STEP = 0.1

export interface LoginParts {
  cookies: LoginCookies
  seal: SessionSeal
  refresh: SessionRefresh
  ended: EndedSessions
  pending: PendingLogins
  issuer: Pick<LoginIssuer, 'loginUrl'>
  originOf: (request: AuthRequest) => LoginOrigin
  now?: () => number
}

/** Browsers that have logged in at an OpenID provider. They keep their session in an encrypted cookie. */
export class LoginScheme implements AuthScheme {
  readonly name = 'login'
  readonly isSession = true
  readonly credentials: CredentialPlaces
  readonly security: Readonly<Record<string, unknown>>
  // anonymous clients are redirected to the login
  readonly acceptsAnonymous = true
  // sessions are encrypted; a forged one is ignored
  readonly unguessable = true
  readonly #parts: LoginParts
  readonly #lifetime: number
  readonly #idle: number
  readonly #callbackPath: string
  readonly #now: () => number
  /** The session of each request; null without a valid one. */
  readonly #opened = new WeakMap<AuthRequest, LoginSession | null>()

  constructor(
    settings: Pick<LoginSettings, 'sessionLifetime' | 'idle' | 'callbackPath' | 'cookie'>,
    parts: LoginParts,
  ) {
    const { sessionLifetime, idle, callbackPath, cookie } = settings
    this.#parts = parts
    this.#lifetime = milliseconds(sessionLifetime)
    this.#idle = idle === undefined ? Infinity : milliseconds(idle)
    this.#callbackPath = callbackPath
    this.#now = parts.now ?? Date.now
    this.credentials = { cookies: parts.cookies.names }
    this.security = {
      type: 'apiKey',
      in: 'cookie',
      name: cookie.name,
      description: 'The session of a browser that has logged in: open a page behind the login first.',
    }
  }

  /** A forged or expired session is ignored: browsers send it anyway, perhaps beside other credentials. */
  isPresented(request: AuthRequest): boolean {
    return this.#session(request, this.#parts.originOf(request)) !== null
  }

  async authenticate(request: AuthRequest): Promise<Consumer> {
    const { refresh, ended, originOf } = this.#parts
    const origin = originOf(request)
    const session = this.#session(request, origin)
    if (session === null) return this.#sendToLogin(request, origin)
    const isEnded = ended.has(session.id, session.started + this.#lifetime)
    if (isEnded instanceof Promise ? await isEnded : isEnded) return this.#sendToLogin(request, origin)
    // a refresh would use up the refresh token, and the browser would not receive the new one
    if (request.isExplained) return session.consumer
    try {
      const fresh = await refresh.fresh(session)
      this.#keep(fresh, session, request, origin)
      return fresh.consumer
    } catch (error) {
      if (error instanceof SessionOver) return this.#sendToLogin(request, origin)
      throw error
    }
  }

  /** Ends the session of a request, including copies of its cookie. */
  endSession(request: AuthRequest): void {
    const session = this.#session(request, this.#parts.originOf(request))
    if (session !== null) this.#parts.ended.end(session.id, session.started + this.#lifetime)
  }

  /** Values of `Set-Cookie` that give a browser its session. */
  sessionCookies(session: LoginSession, request: AuthRequest, secure: boolean): string[] {
    const left = Math.max(0, Math.floor((session.started + this.#lifetime - this.#now()) / 1000))
    return this.#parts.cookies.setSession(this.#parts.seal.seal(session), left, request, secure)
  }

  #session(request: AuthRequest, { secure }: LoginOrigin): LoginSession | null {
    let session = this.#opened.get(request)
    if (session === undefined) {
      const sealed = this.#parts.cookies.session(request, secure)
      const opened = sealed === null ? null : this.#parts.seal.open(sealed)
      session = opened !== null && this.#lasts(opened) && !this.#parts.ended.knows(opened.id) ? opened : null
      this.#opened.set(request, session)
    }
    return session
  }

  #lasts({ started, used }: LoginSession): boolean {
    const now = this.#now()
    return now < started + this.#lifetime && now < used + this.#idle
  }

  /** Sets the session cookie again after a refresh, or when its time of use is due for an update. */
  #keep(fresh: LoginSession, before: LoginSession, request: AuthRequest, { secure }: LoginOrigin): void {
    const now = this.#now()
    const isUsed = this.#idle !== Infinity && now - before.used > this.#idle * IDLE_STEP
    if (fresh !== before || isUsed) request.setCookie = this.sessionCookies({ ...fresh, used: now }, request, secure)
  }

  /** @throws GatehouseError with a redirect to the login for page views, and 401 for other requests */
  async #sendToLogin(request: AuthRequest, { login, page, secure }: LoginOrigin): Promise<never> {
    if (!opensPage(request)) {
      throw gatehouseError('GW_UNAUTHORIZED', { detail: 'Log in first: open a page of this service in a browser.' })
    }
    const { cookies, pending, issuer } = this.#parts
    const browser = cookies.browser(request, secure) ?? unguessable()
    const { pending: begun, state } = pending.begin(browser, page + pageTarget(request))
    const location = await issuer.loginUrl(login + this.#callbackPath, { ...begun, state })
    throw gatehouseError('GW_UNAUTHORIZED', {
      answer: {
        status: 302,
        headers: { location: location.href, 'set-cookie': [cookies.setBrowser(browser, LOGIN_TIME / 1000, secure)] },
        body: Buffer.alloc(0),
      },
    })
  }
}

/** The requested path; leading slashes are reduced to one, so that it cannot be read as another host. */
function pageTarget({ originalUrl, raw }: AuthRequest): string {
  const target = originalUrl ?? raw.url ?? '/'
  return target.startsWith('/') ? target.replace(/^[/\\]+/, '/') : '/'
}

/** Whether the request is a page view (Fetch Metadata, section 2.2): a script could not follow a login. */
function opensPage({ headers, raw: { method = 'GET' } }: AuthRequest): boolean {
  const mode = headers['sec-fetch-mode']
  return (
    (method === 'GET' || method === 'HEAD') &&
    headers.upgrade === undefined &&
    (mode === undefined ? (headers.accept ?? '').includes('text/html') : mode === 'navigate')
  )
}

/** The origins of a request as the browser sees them. */
export interface LoginOrigin {
  /** Origin of the callback. */
  login: string
  /** Origin of the requested page; it differs only between hosts that share the session cookie. */
  page: string
  /** Whether cookies are restricted to https. */
  secure: boolean
}

/**
 * Compiles the origins of a request.
 * @returns a function that throws GatehouseError `GW_BAD_HOST` for a request without a valid host
 */
export function loginOrigin({
  publicUrl,
  cookie: { domain, secure },
}: Pick<LoginSettings, 'publicUrl' | 'cookie'>): (request: AuthRequest) => LoginOrigin {
  const fixed = publicUrl === undefined ? null : new URL(publicUrl)
  return ({ host, headers, protocol }: AuthRequest) => {
    const scheme = fixed?.protocol ?? (protocol === 'https' ? 'https:' : 'http:')
    const own = originOf(scheme, host ?? headers.host ?? '')
    if (own === null && fixed === null) throw gatehouseError('GW_BAD_HOST')
    const login = fixed?.origin ?? own!.origin
    const isShared = own !== null && (fixed === null || (domain !== undefined && isWithin(own.hostname, domain)))
    return { login, page: isShared ? own.origin : login, secure: secure === true || scheme === 'https:' }
  }
}

/** Validates the host: that of `X-Forwarded-Host` has not been checked before. */
function originOf(scheme: string, host: string): URL | null {
  return /^[\w.:[\]-]+$/.test(host) ? URL.parse(`${scheme}//${host}`) : null
}

/** Whether a host receives the cookies of a domain (RFC 6265, section 5.1.3). */
export const isWithin = (host: string, domain: string): boolean => host === domain || host.endsWith(`.${domain}`)
