import type { AuthRequest } from '../scheme.ts'

/** Headers by which services replace the method, which every signature covers. */
const METHOD_OVERRIDES = ['x-http-method-override', 'x-http-method', 'x-method-override']

/**
 * Whether the upstream will read every covered header as it was signed. Between the two stands the gateway, which takes
 * away what `Connection` names (RFC 9110, section 7.6.1) and hands on one value for each name; and a service may read
 * `x_amount` as `x-amount`, or a method in a header.
 * @param covered  names of the covered components, in lower case
 */
export function arrivesAsSigned({ headers, raw: { rawHeaders } }: AuthRequest, covered: ReadonlySet<unknown>): boolean {
  const plainNames = new Set([...[...covered].map((name) => plain(String(name))), ...METHOD_OVERRIDES])
  const signed = new Map<string, string[]>()
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!.toLowerCase()
    if (covered.has(name)) signed.set(name, [...(signed.get(name) ?? []), rawHeaders[i + 1]!.trim()])
    else if (plainNames.has(plain(name))) return false
  }
  for (const name of String(headers.connection ?? '')
    .toLowerCase()
    .split(',')) {
    if (covered.has(name.trim())) return false
  }
  // of several lines Node keeps the first only, for some names, and so would the upstream get only that
  for (const [name, values] of signed) {
    if (values.length > 1 && [headers[name]].flat().join(', ') !== values.join(', ')) return false
  }
  return true
}

/** A name as CGI, WSGI and similar interfaces read it. */
const plain = (name: string): string => name.replace(/[^a-z0-9]/g, '-')
