import type { IncomingHttpHeaders } from 'node:http'

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'QUERY', 'PROPFIND', 'REPORT', 'SEARCH'])

/** Whether a method may change what others read (RFC 9110, section 9.2.1). Unknown ones may. */
export const isUnsafe = (method: string): boolean => !SAFE.has(method)

/**
 * The URLs whose stored responses no longer hold after an unsafe request (RFC 9111, section 4.4): its own, and those of `Location`
 * and `Content-Location` of the same origin.
 * @param url  scheme, host, path and query of the request
 * @param headers  as clients get them
 * @returns none after an answer that says that nothing has happened
 */
export function invalidatedBy (url: string, status: number, headers: IncomingHttpHeaders): string[] {
  if (status < 200 || status >= 400) return []
  const urls = new Set([url])
  for (const field of [headers.location, headers['content-location']]) {
    const target = field === undefined ? null : URL.parse(field, url)
    // with the origin as it came, since a default port may be stated or not
    if (target !== null && target.origin === URL.parse(url)?.origin) urls.add(url.slice(0, url.indexOf('/', url.indexOf('://') + 3)) + target.pathname + target.search)
  }
  return [...urls]
}
