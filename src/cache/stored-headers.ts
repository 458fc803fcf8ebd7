import type { IncomingHttpHeaders } from 'node:http'
import { fieldNames } from './cache-control.ts'
import type { StoredHeaders } from './stored-response.ts'
import type { ControlOfResponse } from './targeted-control.ts'

/** About one connection, or one proxy's own business (RFC 9111, section 3.1). */
const NEVER = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'trailer',
  'age',
  'cache-status',
])

/** Describe the bytes that are stored, which a 304 does not bring (RFC 9111, section 3.2). */
const ABOUT_BODY = new Set([
  'content-encoding',
  'content-length',
  'content-range',
  'content-type',
  'content-md5',
  'etag',
])

/** Whether a field, its name in small letters, can be stored at all. */
export const mayBeKept = (name: string): boolean => !NEVER.has(name)

/** The fields of a response that are kept. @param control  names what may not be: `no-cache="..."`, `private="..."` */
export function keptHeaders(
  headers: IncomingHttpHeaders,
  { directives }: ControlOfResponse,
): Record<string, string | string[]> {
  const kept: Record<string, string | string[]> = {}
  const left = [...fieldNames(directives.get('no-cache')), ...fieldNames(directives.get('private'))]
  for (const name in headers) if (!NEVER.has(name) && !left.includes(name)) kept[name] = headers[name]!
  return kept
}

/** The fields after a 304 or the head of a 200 (RFC 9111, section 3.2): what is new replaces what was stored. */
export function freshenedHeaders(stored: StoredHeaders, news: StoredHeaders): StoredHeaders {
  const headers: Record<string, string | string[]> = { ...stored }
  for (const name in news) if (!ABOUT_BODY.has(name)) headers[name] = news[name]!
  return headers
}
