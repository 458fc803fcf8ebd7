import { parseCookie, type SetCookie, stringifySetCookie } from 'cookie'
import type { LoginCookie, LoginSettings } from './login-schema.ts'

/** Most characters in one cookie; browsers accept 4096 bytes with the name (RFC 6265bis, section 5.6). */
const LONGEST = 3800
/** Most cookies of one session: more would exceed the header size that servers accept. */
const PARTS = 3

/** The part of a request that has the cookies. */
export interface CookieCarrier {
  headers: { cookie?: string }
}

/**
 * The cookies of the login: the session; the id of the browser, to which a pending login is bound; and the ID token,
 * which only the logout path receives.
 */
export class LoginCookies {
  /** All names, for removing the cookies from forwarded requests. */
  readonly names: readonly string[]
  readonly #cookie: LoginCookie
  readonly #logoutPath: string

  constructor({ cookie, logoutPath }: Pick<LoginSettings, 'cookie' | 'logoutPath'>) {
    this.#cookie = cookie
    this.#logoutPath = logoutPath
    this.names = [true, false].flatMap((secure) => [
      ...this.#parts(secure),
      this.#name('-login', secure),
      this.#name('-hint', secure),
    ])
  }

  /** The sealed session; null without one. */
  session(request: CookieCarrier, secure: boolean): string | null {
    const cookies = read(request)
    const parts = this.#parts(secure)
    const first = cookies[parts[0]!]
    const count = Number(first?.[0])
    if (first === undefined || !(count >= 1 && count <= PARTS)) return null
    const rest = parts.slice(1, count).map((name) => cookies[name])
    return rest.includes(undefined) ? null : first.slice(1) + rest.join('')
  }

  /**
   * @param maxAge  seconds
   * @returns values of `Set-Cookie`, which also remove left-over parts of a longer session
   * @throws Error when the session does not fit
   */
  setSession(sealed: string, maxAge: number, request: CookieCarrier, secure: boolean): string[] {
    const count = Math.ceil((sealed.length + 1) / LONGEST)
    if (count > PARTS) {
      throw new Error(
        `a session of ${sealed.length} characters does not fit into cookies: let login.claims.keep name fewer claims, or the issuer send smaller tokens and fewer groups`,
      )
    }
    const text = `${count}${sealed}`
    const cookies = read(request)
    return this.#parts(secure).flatMap((name, i) => {
      if (i < count) return this.#set(name, text.slice(i * LONGEST, (i + 1) * LONGEST), maxAge, secure)
      return cookies[name] === undefined ? [] : this.#set(name, '', 0, secure)
    })
  }

  /** The id of the browser during a login; null without one. */
  browser(request: CookieCarrier, secure: boolean): string | null {
    const id = read(request)[this.#name('-login', secure)]
    return id !== undefined && /^[\w-]{22}$/.test(id) ? id : null
  }

  setBrowser(id: string, maxAge: number, secure: boolean): string {
    return this.#set(this.#name('-login', secure), id, maxAge, secure)
  }

  /** The sealed ID token; null without one. */
  hint(request: CookieCarrier, secure: boolean): string | null {
    return read(request)[this.#name('-hint', secure)] ?? null
  }

  /** @returns null when it does not fit; the logout then works without it */
  setHint(sealed: string, maxAge: number, secure: boolean): string | null {
    return sealed.length > LONGEST
      ? null
      : this.#set(this.#name('-hint', secure), sealed, maxAge, secure, this.#logoutPath)
  }

  /** Values of `Set-Cookie` that remove all cookies of the login in the request. */
  clear(request: CookieCarrier, secure: boolean): string[] {
    const cookies = read(request)
    const hint = this.#name('-hint', secure)
    return [...this.#parts(secure), this.#name('-login', secure), hint]
      .filter((name) => cookies[name] !== undefined)
      .map((name) => this.#set(name, '', 0, secure, name === hint ? this.#logoutPath : '/'))
  }

  #parts(secure: boolean): string[] {
    return Array.from({ length: PARTS }, (_, i) => this.#name(i === 0 ? '' : `.${i}`, secure))
  }

  /** The name with the prefix that prevents other hosts from setting it (RFC 6265bis, section 4.1.3). */
  #name(suffix: string, secure: boolean): string {
    const { name, domain } = this.#cookie
    const prefix = !secure ? '' : domain !== undefined || suffix === '-hint' ? '__Secure-' : '__Host-'
    return `${prefix}${name}${suffix}`
  }

  #set(name: string, value: string, maxAge: number, secure: boolean, path = '/'): string {
    const { domain } = this.#cookie
    const cookie: SetCookie = {
      name,
      value,
      maxAge,
      path,
      httpOnly: true,
      secure,
      sameSite: this.#sameSite(name, secure),
    }
    return stringifySetCookie(domain === undefined ? cookie : { ...cookie, domain })
  }

  /** The redirect from the issuer is a cross-site request, so `strict` would drop `-login`. `None` requires https. */
  #sameSite(name: string, secure: boolean): 'lax' | 'strict' | 'none' {
    const { sameSite } = this.#cookie
    if (sameSite === 'strict') return name.endsWith('-login') ? 'lax' : 'strict'
    return sameSite === 'none' && secure ? 'none' : 'lax'
  }
}

const asItIs = (value: string): string => value
const read = ({ headers: { cookie } }: CookieCarrier): Record<string, string | undefined> =>
  cookie === undefined ? {} : parseCookie(cookie, { decode: asItIs })
