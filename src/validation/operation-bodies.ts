import type { Readable } from 'node:stream'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { gatehouseError, type Violation } from '../errors.ts'
import { mediaOfBody } from './body-parsers.ts'
import { collectBody, holdBodies } from './collected-body.ts'
import type { MediaType } from './media-type.ts'
import type { MediaBody, OperationBody, ReadBody } from './operation-body.ts'

/** What became of a body on its way to the check. */
export interface OperationBodyState {
  /** Null when the document has no such media type. */
  media: MediaBody | null
  /** Null when nothing has been read. */
  read: ReadBody | null
  /** What kept it from being read. */
  violation: Violation | null
  isEmpty: boolean
  /** Whether it goes on though it could not be checked. */
  isUnchecked: boolean
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The check of the operation; stated by the gateway itself. */
    operationCheck?: { readonly body: OperationBody | null }
  }
  interface FastifyRequest {
    /** The body as its operation describes it; null when none has come. */
    operationBody: OperationBodyState | null
  }
}

/**
 * Reads bodies in a scope as the API documents of its routes describe them. In the mode `enforce` whatever cannot be
 * checked is refused; in the mode `report` it goes on as it came. The `bodyLimit` of its route says how much of a body
 * is collected.
 */
export function readOperationBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  holdBodies(app)
  app.addContentTypeParser('*', (request: FastifyRequest, payload: Readable) => {
    const {
      routeOptions: {
        config: { operationCheck, requestValidation },
        bodyLimit,
      },
    } = request
    const body = operationCheck?.body
    if (!body) return Promise.resolve(payload)
    const state = (request.operationBody = {
      media: null,
      read: null,
      violation: null,
      isEmpty: isEmpty(request),
      isUnchecked: false,
    })
    return requestValidation === 'report'
      ? readQuietly(request, payload, body, state, bodyLimit)
      : readStrictly(request, payload, body, state, bodyLimit)
  })
}

const isEmpty = ({ headers }: FastifyRequest): boolean =>
  headers['transfer-encoding'] === undefined && headers['content-length'] === '0'

/** Refuses what cannot be checked. */
async function readStrictly(
  request: FastifyRequest,
  payload: Readable,
  body: OperationBody,
  state: OperationBodyState,
  limit: number,
): Promise<unknown> {
  if (state.isEmpty) return undefined
  const type = mediaOfBody(request)
  const media = (state.media = body.mediaOf(type.type))
  if (media === null) {
    throw gatehouseError('GW_UNSUPPORTED_MEDIA_TYPE', {
      detail: `A body in ${type.type} is not accepted here: send one in ${body.allowed}.`,
    })
  }
  if (media.reading === null) return payload
  if (Number(request.headers['content-length'] ?? 0) > limit) {
    throw gatehouseError('GW_BODY_TOO_LARGE', { headers: { connection: 'close' } })
  }
  const bytes = await collectBody(payload, limit, request.heldBody)
  request.rawBody = bytes
  return read(media, bytes, type, state)
}

/** Lets everything on, and notes what was wrong with it. */
async function readQuietly(
  request: FastifyRequest,
  payload: Readable,
  body: OperationBody,
  state: OperationBodyState,
  limit: number,
): Promise<unknown> {
  if (state.isEmpty) return payload
  const coding = request.headers['content-encoding']
  if (coding !== undefined && coding.toLowerCase() !== 'identity') {
    state.isUnchecked = true
    return payload
  }
  let type: MediaType
  try {
    type = mediaOfBody(request)
  } catch (error) {
    state.violation = { in: 'headers', pointer: '/content-type', expected: (error as Error).message }
    return payload
  }
  const media = (state.media = body.mediaOf(type.type))
  if (media === null) {
    state.violation = { in: 'headers', pointer: '/content-type', expected: body.allowed }
    return payload
  }
  if (media.reading === null) return payload
  const length = Number(request.headers['content-length'] ?? NaN)
  if (!(length <= limit)) {
    state.isUnchecked = true
    return payload
  }
  const bytes = await collectBody(payload, limit, request.heldBody)
  request.rawBody = bytes
  try {
    return await read(media, bytes, type, state)
  } catch (error) {
    state.violation = { in: 'body', pointer: '', expected: (error as Error).message }
    return bytes
  }
}

async function read(media: MediaBody, bytes: Buffer, type: MediaType, state: OperationBodyState): Promise<unknown> {
  // sent in no chunks at all
  if (bytes.length === 0) {
    state.isEmpty = true
    return undefined
  }
  state.read = await media.read(bytes, type)
  return state.read.value
}
