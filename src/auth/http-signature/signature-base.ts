import { type InnerList, serializeInnerList } from 'structured-headers'
import type { AuthRequest } from '../scheme.ts'

/**
 * The signature base (RFC 9421, section 2.5), as latin1, which is how headers arrive.
 * @returns null when a component is missing, unsupported or duplicate, or has parameters, which are not supported
 */
export function signatureBase(request: AuthRequest, input: InnerList): string | null {
  const [components] = input
  const seen = new Set<string>()
  const lines: string[] = []
  for (const [name, parameters] of components) {
    if (typeof name !== 'string' || parameters.size > 0 || seen.has(name)) return null
    seen.add(name)
    const value = name.startsWith('@') ? derived(name, request) : field(name, request)
    if (value === null) return null
    lines.push(`"${name}": ${value}\n`)
  }
  return `${lines.join('')}"@signature-params": ${serializeInnerList(input)}`
}

/** Derived components (RFC 9421, section 2.2). */
function derived(
  name: string,
  { headers, originalUrl, protocol = 'http', raw: { method = '', url = '' } }: AuthRequest,
): string | null {
  // the client has signed the target as it was sent, not its canonical form
  const sent = originalUrl ?? url
  const target = sent.startsWith('/') ? sent : sent.replace(/^https?:\/\/[^/?]*/i, '').replace(/^(?!\/)/, '/')
  const at = target.indexOf('?')
  const [path, query] = at === -1 ? [target, '?'] : [target.slice(0, at), target.slice(at)]
  // the default port is left out (section 2.2.3)
  const authority = (headers.host ?? '').toLowerCase().replace(protocol === 'https' ? /:443$/ : /:80$/, '')
  switch (name) {
    case '@method':
      return method
    case '@target-uri':
      return `${protocol}://${authority}${target}`
    case '@scheme':
      return protocol
    case '@authority':
      return authority
    case '@request-target':
      return sent
    case '@path':
      return path
    case '@query':
      return query
    default:
      return null
  }
}

/** All values of a header, in order (RFC 9421, section 2.1). */
function field(name: string, { raw: { rawHeaders } }: AuthRequest): string | null {
  const values: string[] = []
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i]!.toLowerCase() === name) values.push(rawHeaders[i + 1]!.trim())
  }
  return values.length === 0 ? null : values.join(', ')
}

/** Headers that override the method in some services; the method is always signed. */
const METHOD_OVERRIDES = ['x-http-method-override', 'x-http-method', 'x-method-override']

/**
 * Whether the upstream will see every covered header as it was signed. Refuses a request whose covered headers the
 * gateway would remove, because `Connection` names them (RFC 9110, section 7.6.1), or reduce to one value; and unsigned
 * headers that a service could read in place of signed ones: `x_amount` for `x-amount`, or a method override.
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
  // for some names Node keeps only the first of several lines, so the upstream would get only that
  for (const [name, values] of signed) {
    if (values.length > 1 && [headers[name]].flat().join(', ') !== values.join(', ')) return false
  }
  return true
}

/** The name as CGI, WSGI and similar interfaces see it. */
const plain = (name: string): string => name.replace(/[^a-z0-9]/g, '-')
