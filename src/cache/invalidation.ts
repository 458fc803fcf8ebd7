const SAFE = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'QUERY', 'PROPFIND', 'REPORT', 'SEARCH'])

/** Whether a method may change what others read (RFC 9110, section 9.2.1). Unknown ones may. */
export const isUnsafe = (method: string): boolean => !SAFE.has(method)

/**
 * The URLs whose stored responses no longer hold after an unsafe request (RFC 9111, section 4.4): its own, and those of
 * `Location` and `Content-Location` if they are of the same origin.
 * @param url  scheme, host, path and query of the request
 * @param fields  values of `Location` and `Content-Location`, as clients get them
 * @returns none after an error, since nothing has happened then
 */
export function invalidatedBy(url: string, status: number, fields: readonly string[]): string[] {
  if (status < 200 || status >= 400) return []
  const urls = new Set([url])
  for (const field of fields) {
    const target = URL.parse(field, url)
    if (target === null || target.origin !== URL.parse(url)?.origin) continue
    // the origin as the request has it: a default port may be stated or not
    urls.add(url.slice(0, url.indexOf('/', url.indexOf('://') + 3)) + target.pathname + target.search)
  }
  return [...urls]
}
