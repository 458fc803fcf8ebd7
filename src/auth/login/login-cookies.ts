import { parseCookie, type SetCookie, stringifySetCookie } from 'cookie'
import type { LoginCookie, LoginSettings } from './login-schema.ts'

/** Characters of one cookie; browsers take 4096 bytes, the name included (RFC 6265bis, section 5.6). */
const LONGEST = 3800
/** Cookies that one session may take: more would not fit into the headers that servers accept. */
const PARTS = 3

/** What of a request the cookies are read from. */
export interface CookieCarrier {
  headers: { cookie?: string }
}

/**
 * The cookies of the login: the session; the browser, to which a login that is under way belongs; and the ID token,
 * which the logout alone gets to see.
 */
export class LoginCookies {
  /** Every name that may stand in a request for an upstream. */
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
   * @returns values of `Set-Cookie`, which also remove parts of an older session that the request carries
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

  /** What the browser is known by while it logs in; null when it is not. */
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

  /** @returns null when it does not fit: the logout goes without it */
  setHint(sealed: string, maxAge: number, secure: boolean): string | null {
    return sealed.length > LONGEST
      ? null
      : this.#set(this.#name('-hint', secure), sealed, maxAge, secure, this.#logoutPath)
  }

  /** Removes all that the request carries. */
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

  /** With the prefix that keeps neighbours from setting it (RFC 6265bis, section 4.1.3). */
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

  /** The way back from the issuer is a link of another site; and browsers take `None` over https alone. */
  #sameSite(name: string, secure: boolean): 'lax' | 'strict' | 'none' {
    const { sameSite } = this.#cookie
    if (sameSite === 'strict') return name.endsWith('-login') ? 'lax' : 'strict'
    return sameSite === 'none' && secure ? 'none' : 'lax'
  }
}

const asItIs = (value: string): string => value
const read = ({ headers: { cookie } }: CookieCarrier): Record<string, string | undefined> =>
  cookie === undefined ? {} : parseCookie(cookie, { decode: asItIs })
