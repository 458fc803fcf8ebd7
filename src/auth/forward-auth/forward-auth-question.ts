import { hash } from 'node:crypto'
import type { AuthRequest } from '../scheme.ts'
import type { ForwardAuthSettings } from './forward-auth-schema.ts'

/** What the service is told about a request: name, value, name, value. */
export interface ForwardAuthQuestion {
  headers: string[]
  /** What a verdict may be remembered by; null when it may not. */
  key: string | null
}

/** What the service may see of a header. @param name  in lower case */
export type ShownHeader = (
  name: string,
  value: string | string[] | undefined,
  request: AuthRequest,
) => string | string[] | undefined

/** Methods that act on the URL in `Destination` as well (RFC 4918, section 10.3). */
const DESTINED = new Set(['COPY', 'MOVE'])

/**
 * Makes the questions.
 * @param publicTarget  path and query as the routes have read them, from the request's own
 * @param shown         a header as the service may see it; undefined when it may not
 */
export function forwardAuthQuestion(
  settings: Pick<ForwardAuthSettings, 'requestHeaders' | 'cacheBy'>,
  remembers: boolean,
  publicTarget: (url: string) => string,
  shown: ShownHeader,
): (request: AuthRequest) => ForwardAuthQuestion {
  const names = settings.requestHeaders.map((name) => name.toLowerCase())
  const byHeaders = settings.cacheBy === 'headers'

  return (request) => {
    const {
      headers,
      ip,
      protocol,
      raw: { method = 'GET', url = '/' },
    } = request
    const told: string[] = []
    // a service that decides by paths has to know both
    for (const name of DESTINED.has(method) && !names.includes('destination') ? [...names, 'destination'] : names) {
      const value = shown(name, headers[name], request)
      for (const single of value === undefined ? [] : [value].flat()) told.push(name, single)
    }
    // the host is the one by which the route was found, whatever a proxy calls it: another would be judged in its place
    const circumstances = [
      'x-forwarded-method',
      method,
      'x-forwarded-proto',
      protocol === 'https' ? 'https' : 'http',
      'x-forwarded-host',
      headers.host ?? '',
      'x-forwarded-uri',
      publicTarget(url),
      'x-forwarded-for',
      ip,
    ]
    const all = [...circumstances, ...told]
    return { headers: all, key: remembers ? hash('sha256', JSON.stringify(byHeaders ? told : all), 'base64') : null }
  }
}
