import { isUtf8 } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import querystring from 'fast-querystring'
import type { FastifyInstance, FastifyRequest, onRequestHookHandler } from 'fastify'
import secureJson from 'secure-json-parse'
import { gatehouseError } from '../errors.ts'
import type {} from '../phases.ts'
import { collectBody, holdBodies } from './collected-body.ts'
import { holdsNameTwice } from './duplicate-names.ts'
import { isForm, isJson, isText, type MediaType, parseMediaType } from './media-type.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The body exactly as it arrived, when it was collected for validation. These bytes are forwarded. */
    rawBody?: Buffer
  }
}

/**
 * Collects the bodies of a scope for validation. Other media types than the given ones are answered 415. JSON and forms
 * are parsed, anything else is a Buffer.
 * @param bodyLimit  most bytes, larger bodies are answered 413; a route's own `bodyLimit` overrides it
 * @param consumes   media types, may be ranges such as `application/*+json` and `text/*`
 */
export function collectBodies(
  app: FastifyInstance,
  { bodyLimit, consumes }: { bodyLimit: number; consumes: readonly string[] },
): void {
  app.removeAllContentTypeParsers()
  holdBodies(app)
  for (const type of new Set(consumes.map((name) => name.toLowerCase()))) {
    app.addContentTypeParser(matcherOf(type), (request: FastifyRequest, payload: Readable) =>
      parseCollected(request, payload, bodyLimit),
    )
  }
}

/** Forwards bodies of any media type as streams. */
export function streamBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, payload, done) => done(null, payload))
}

/**
 * A media type that Fastify accepts, with any parameters. Fastify refuses others, although these routes do not read the
 * type.
 */
const PLAIN_TYPE = /^[\w.+-]+\/[\w.+-]+(?:;|$)/
const kSentType = Symbol('gatehouse.sentType')
type Untyped = IncomingMessage & { [kSentType]?: string }

/**
 * Forwards bodies with any `Content-Type`, in routes that do not read them. Before it calls a parser, Fastify answers
 * 415 to an invalid media type, and 400 to a QUERY without one. So such a header is replaced until the parser runs.
 */
export function streamAnyBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', ({ raw }: FastifyRequest, payload, done) => {
    showSentType(raw)
    done(null, payload)
  })
  app.routePhase('bodyType', () => hideOddType)
}

const hideOddType: onRequestHookHandler = ({ raw }: { raw: Untyped }, _reply, done) => {
  const {
    headers: { 'content-type': type },
    method,
  } = raw
  if (type === undefined ? method === 'QUERY' : method !== 'GET' && method !== 'HEAD' && !PLAIN_TYPE.test(type)) {
    raw[kSentType] = type
    raw.headers['content-type'] = 'application/octet-stream'
  }
  done()
}

function showSentType(raw: Untyped): void {
  if (!(kSentType in raw)) return
  if (raw[kSentType] === undefined) delete raw.headers['content-type']
  else raw.headers['content-type'] = raw[kSentType]
}

function matcherOf(type: string): string | RegExp {
  if (!type.includes('*')) return type
  const pattern = type
    .split('*')
    .map((part) => part.replace(/[.+^$]/g, '\\$&'))
    .join('[^/;\\s]+')
  return new RegExp(`^${pattern}(?:\\s*;.*)?$`, 'i')
}

async function parseCollected(request: FastifyRequest, payload: Readable, bodyLimit: number): Promise<unknown> {
  const { routeOptions, server } = request
  // for a route without a limit, Fastify reports the server's
  const limit = routeOptions.bodyLimit === server.initialConfig.bodyLimit ? bodyLimit : routeOptions.bodyLimit
  if (Number(request.headers['content-length'] ?? 0) > limit) {
    throw gatehouseError('GW_BODY_TOO_LARGE', { headers: { connection: 'close' } })
  }
  const bytes = await collectBody(payload, limit, request.heldBody)
  const body = parse(mediaOfBody(request).type, bytes)
  request.rawBody = bytes
  return body
}

/**
 * The media type of a body that can be checked. Fastify reads the header leniently, and an upstream may read it
 * differently, so an ambiguous one is refused.
 */
export function mediaOfBody({ headers, raw }: Pick<FastifyRequest, 'headers' | 'raw'>): MediaType {
  const media = parseMediaType(headers['content-type'] ?? '')
  if (media === null || isRepeated('content-type', raw.rawHeaders)) {
    throw gatehouseError('GW_UNSUPPORTED_MEDIA_TYPE', {
      detail: 'The Content-Type header is not valid: send one media type with well-formed parameters.',
    })
  }
  if (media.charsets.some((charset) => charset !== 'utf-8' && charset !== 'utf8')) {
    throw gatehouseError('GW_UNSUPPORTED_MEDIA_TYPE', {
      detail: 'Only the charset utf-8 is accepted here: encode the body so.',
    })
  }
  const coding = headers['content-encoding']
  if (coding !== undefined && coding.toLowerCase() !== 'identity') {
    throw gatehouseError('GW_UNSUPPORTED_MEDIA_TYPE', {
      detail: 'A body with a Content-Encoding cannot be checked here: send it as it is.',
      headers: { 'accept-encoding': 'identity' },
    })
  }
  return media
}

/** Whether a header was sent more than once; `headers` has only the first. */
function isRepeated(name: string, rawHeaders: readonly string[]): boolean {
  let seen = false
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const header = rawHeaders[i]!
    if (header.length !== name.length || header.toLowerCase() !== name) continue
    if (seen) return true
    seen = true
  }
  return false
}

function parse(type: string, bytes: Buffer): unknown {
  const json = isJson(type)
  const form = !json && isForm(type)
  if (!json && !form && !isText(type)) return bytes
  checkUtf8(bytes)
  if (json) return parseJson(bytes)
  // without a prototype, so that `__proto__` is a field like any other
  return form ? querystring.parse(bytes.toString('utf8')) : bytes
}

/** @throws GW_MALFORMED_BODY */
export function checkUtf8(bytes: Buffer): void {
  if (!isUtf8(bytes)) {
    throw gatehouseError('GW_MALFORMED_BODY', { detail: 'The body is not valid UTF-8: encode it so.' })
  }
}

/** @throws GW_MALFORMED_BODY */
export function parseJson(bytes: Buffer): unknown {
  if (bytes.length === 0) {
    throw gatehouseError('GW_MALFORMED_BODY', { detail: 'The body is empty: send JSON, as the Content-Type says.' })
  }
  // RFC 8259, section 8.1: no byte order mark; parsers treat it differently
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) {
    throw gatehouseError('GW_MALFORMED_BODY', {
      detail: 'The body begins with a byte order mark: send it without one.',
    })
  }
  const text = bytes.toString('utf8')
  let value: unknown
  try {
    value = secureJson.parse(text, undefined, { protoAction: 'error', constructorAction: 'error' })
  } catch (error) {
    throw gatehouseError('GW_MALFORMED_BODY', { cause: error })
  }
  // RFC 8259, section 4: parsers disagree on which of two values they use
  if (holdsNameTwice(text, value)) {
    throw gatehouseError('GW_MALFORMED_BODY', {
      detail: 'An object in the body has the same name twice: send each name once.',
    })
  }
  return value
}
