import { gatehouseError } from '../../errors.ts'
import type { AuthRequest } from '../scheme.ts'
import type { LoginSettings } from './login-schema.ts'

/** Where a browser is, as it sees it. */
export interface LoginOrigin {
  /** Origin of the callback. */
  login: string
  /** Origin of the page that is asked for; another one only among hosts that share the session. */
  page: string
  /** Whether cookies can be for https alone. */
  secure: boolean
}

/**
 * Compiles where a browser is.
 * @returns throws GatehouseError `GW_BAD_HOST` for a request that does not say
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

/** What a proxy has put into `X-Forwarded-Host` nobody has looked at yet. */
function originOf(scheme: string, host: string): URL | null {
  return /^[\w.:[\]-]+$/.test(host) ? URL.parse(`${scheme}//${host}`) : null
}

/** Whether a host gets the cookies of a domain (RFC 6265, section 5.1.3). */
export const isWithin = (host: string, domain: string): boolean => host === domain || host.endsWith(`.${domain}`)
