import { type InnerList, serializeInnerList } from 'structured-headers'
import type { AuthRequest } from '../scheme.ts'

/**
 * What a signature signs (RFC 9421, section 2.5), as latin1, which is how headers arrive.
 * @returns null when a component is not there, is not known here, is named twice or has parameters, of which none is
 *   known here
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
  // what the client has signed is what it has sent, not the canonical form that the routes see
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

/** Every value of a header, in their order (RFC 9421, section 2.1). */
function field(name: string, { raw: { rawHeaders } }: AuthRequest): string | null {
  const values: string[] = []
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i]!.toLowerCase() === name) values.push(rawHeaders[i + 1]!.trim())
  }
  return values.length === 0 ? null : values.join(', ')
}
