import type { IncomingHttpHeaders } from 'node:http'
import Type, { type Static } from 'typebox'
import type { AuthRequest } from '../auth/scheme.ts'

/** A name as RFC 9110, section 5.6.2 defines a token. */
const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"

/** A request to explain. It contains only what a client could send. Header names may be in any case. */
export const ExplainedRequest = Type.Object(
  {
    method: Type.String({ maxLength: 32, pattern: `^${TOKEN}$`, title: 'method: a token such as GET' }),
    url: Type.String({
      maxLength: 16384,
      pattern: '^[\\x21-\\x7E]*$',
      title: 'absolute URL or path, of visible ASCII with everything else percent-encoded',
      description: 'Absolute URL, or a path.',
    }),
    headers: Type.Record(
      Type.String({ pattern: `^${TOKEN}$` }),
      Type.String({ pattern: '^[\\t\\x20-\\x7E\\x80-\\xFF]*$', title: 'value of one line, in Latin-1' }),
      { additionalProperties: false },
    ),
  },
  { additionalProperties: false },
)
export type ExplainedRequest = Static<typeof ExplainedRequest>

/** The request object for the gateway's phases when a request is only explained, not received. */
export interface RequestView extends AuthRequest {
  method: string
  consumer: { id: string; scopes: readonly string[] } | null
}

/** @param url  canonical target */
export function requestView(
  { method, url }: ExplainedRequest,
  canonical: string,
  headers: IncomingHttpHeaders,
): RequestView {
  return {
    method,
    headers,
    ip: '127.0.0.1',
    host: headers.host,
    protocol: /^https:/i.test(url) ? 'https' : 'http',
    originalUrl: canonical,
    isExplained: true,
    setCookie: null,
    contentDigest: null,
    consumer: null,
    // no connection, but something that a trusted proxy on this machine would be recognised by
    raw: {
      headers,
      method,
      url: canonical,
      rawHeaders: Object.entries(headers).flat() as string[],
      socket: { remoteAddress: '127.0.0.1' },
    } as never,
  }
}
