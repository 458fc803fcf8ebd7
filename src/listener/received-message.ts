import type { IncomingMessage } from 'node:http'
import type { ErrorCode } from '../errors.ts'

/**
 * Whether a request asks about the server as a whole (RFC 9110, section 9.3.7). A client that takes the gateway for a
 * proxy writes `*` as a URL without a path (RFC 9112, section 3.2.4).
 * @param target  as it came
 */
export const asksWholeServer = (method: string, target: string): boolean =>
  method === 'OPTIONS' && (target === '*' || /^https?:\/\/[^/?#]+$/i.test(target))

/** Turns absolute-form (RFC 9112, section 3.2.2) into origin-form; null when it names another host than `Host`. */
export function originForm(target: string, host: string): string | null {
  if (target.charCodeAt(0) === 47 /* / */) return target
  const [, authority, rest] = /^https?:\/\/([^/?#]*)(.*)$/i.exec(target) ?? []
  // asterisk-form and authority-form have no path, which is refused as such
  if (authority === undefined) return target
  if (authority.toLowerCase() !== host.toLowerCase()) return null
  return rest!.startsWith('/') ? rest! : `/${rest}`
}

/**
 * What is wrong with the message as such: more or fewer hosts than one, or a body that was coded in a way unknown here.
 */
export function messageRefusal(request: IncomingMessage): ErrorCode | undefined {
  const { headers, rawHeaders, httpVersionMajor: major, httpVersionMinor: minor } = request
  // the parser lets versions pass that nobody speaks
  if (major !== 1 || minor > 1) return 'GW_UNSUPPORTED_VERSION'
  if (headers.host === undefined ? minor === 1 : headers.host === '' || repeatedHost(rawHeaders)) return 'GW_BAD_HOST'
  const coding = headers['transfer-encoding']
  // RFC 9112, section 6.1; Node decodes the chunks alone, and hands over the rest as it is
  if (coding !== undefined && (coding.toLowerCase() !== 'chunked' || minor === 0)) return 'GW_UNSUPPORTED_CODING'
  return undefined
}

function repeatedHost(rawHeaders: readonly string[]): boolean {
  let seen = false
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!
    if (name.length === 4 && name.toLowerCase() === 'host') {
      if (seen) return true
      seen = true
    }
  }
  return false
}
