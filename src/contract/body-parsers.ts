import { isUtf8 } from 'node:buffer'
import querystring from 'fast-querystring'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import secureJson from 'secure-json-parse'
import { gatehouseError } from '../errors.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The body exactly as it arrived, when it was collected for validation; what is forwarded. */
    rawBody?: Buffer
  }
}

type Parse = (body: Buffer) => unknown

/**
 * Collects bodies in a scope, so that they can be validated: only the media types given are let in, the rest is 415.
 * @param bodyLimit  bytes; a route's own `bodyLimit` goes before it
 */
export function collectBodies (app: FastifyInstance, { bodyLimit, consumes }: { bodyLimit: number, consumes: readonly string[] }): void {
  app.removeAllContentTypeParsers()
  for (const type of consumes) {
    const parse = parserOf(type)
    app.addContentTypeParser(matcherOf(type), { parseAs: 'buffer', bodyLimit }, (request: FastifyRequest, body: unknown, done: (error: Error | null, body?: unknown) => void) => {
      try {
        checkCoding(request)
        request.rawBody = body as Buffer
        done(null, parse(body as Buffer))
      } catch (error) {
        done(error as Error)
      }
    })
  }
}

/** Hands the body of any type through as the stream that it is. */
export function streamBodies (app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, payload, done) => done(null, payload))
}

/** A compressed or otherwise encoded body cannot be checked. */
function checkCoding (request: FastifyRequest): void {
  const { 'content-encoding': coding, 'content-type': type } = request.headers
  if (coding !== undefined && coding.toLowerCase() !== 'identity') throw gatehouseError('GW_UNSUPPORTED_MEDIA_TYPE')
  const charset = /;\s*charset\s*=\s*"?([^";\s]*)/i.exec(type ?? '')?.[1]
  if (charset !== undefined && !/^(?:utf-?8|us-ascii)$/i.test(charset)) throw gatehouseError('GW_UNSUPPORTED_MEDIA_TYPE')
}

/** `application/*+json` and `text/*` stand for the types that fit. */
function matcherOf (type: string): string | RegExp {
  if (!type.includes('*')) return type
  const pattern = type.split('*').map((part) => part.replace(/[.+^$]/g, '\\$&')).join('[\\w!#$&^.+-]+')
  return new RegExp(`^${pattern}(?:\\s*;.*)?$`, 'i')
}

function parserOf (type: string): Parse {
  if (/[/+]json$/i.test(type)) return parseJson
  if (type.toLowerCase() === 'application/x-www-form-urlencoded') return parseForm
  return (body) => body
}

function parseJson (body: Buffer): unknown {
  if (!isUtf8(body)) throw gatehouseError('GW_MALFORMED_BODY', { detail: 'The body is not UTF-8: encode it so.' })
  try {
    return secureJson.parse(body.toString('utf8'), undefined, { protoAction: 'error', constructorAction: 'error' })
  } catch (error) {
    throw gatehouseError('GW_MALFORMED_BODY', { cause: error })
  }
}

function parseForm (body: Buffer): unknown {
  if (!isUtf8(body)) throw gatehouseError('GW_MALFORMED_BODY', { detail: 'The body is not UTF-8: encode it so.' })
  return { ...querystring.parse(body.toString('utf8')) }
}
