import type { ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { gatehouseError, type GatehouseError } from '../errors.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** What all collected request bodies may hold together. */
    bodyMemory: BodyMemory
  }
  interface FastifyRequest {
    /** What the collected body of this request holds; null when none is collected. */
    heldBody: HeldBody | null
  }
}

/** Counts the bytes of all request bodies that are collected. */
export class BodyMemory {
  readonly most: number
  held = 0

  /** @param most  bytes */
  constructor(most: number) {
    this.most = most
  }
}

/** The bytes that the body of one request holds, until its response is over. */
export class HeldBody {
  readonly #memory: BodyMemory
  #bytes = 0
  #isOver: boolean

  constructor(memory: BodyMemory, response: ServerResponse) {
    this.#memory = memory
    this.#isOver = response.closed
    response.once('close', () => this.#release())
  }

  /** @returns whether there was room; one body alone always has room, so that no limit of a route is impossible */
  take(bytes: number): boolean {
    if (this.#isOver) return false
    const memory = this.#memory
    if (memory.held + bytes > memory.most && memory.held > this.#bytes) return false
    memory.held += bytes
    this.#bytes += bytes
    return true
  }

  #release(): void {
    this.#isOver = true
    this.#memory.held -= this.#bytes
    this.#bytes = 0
  }
}

/** Counts what the requests of a scope collect. */
export function holdBodies(app: FastifyInstance): void {
  if (!app.hasDecorator('bodyMemory')) app.decorate('bodyMemory', new BodyMemory(Infinity))
  app.addHook('preParsing', holdBody)
}

function holdBody<Payload>(
  request: FastifyRequest,
  reply: FastifyReply,
  payload: Payload,
  done: (error: Error | null, payload?: Payload) => void,
): void {
  const { headers } = request
  if (headers['transfer-encoding'] !== undefined || headers['content-length'] !== undefined) {
    request.heldBody = new HeldBody(request.server.bodyMemory, reply.raw)
  }
  done(null, payload)
}

const tooLarge = (): GatehouseError => gatehouseError('GW_BODY_TOO_LARGE', { headers: { connection: 'close' } })
const noRoom = (): GatehouseError =>
  gatehouseError('GW_TOO_MANY_BODIES', { headers: { 'retry-after': '1', connection: 'close' } })

/**
 * Collects a body. A client that sends too much is not cut off, so that the answer arrives.
 * @param limit  bytes of this body
 * @param held   counts them among those of all bodies
 * @throws GW_BODY_TOO_LARGE, GW_TOO_MANY_BODIES, GW_BAD_REQUEST when the client is gone, or what the stream fails with
 */
export function collectBody(payload: Readable, limit: number, held: HeldBody | null): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let length = 0
    const settle = (): void => {
      payload.off('data', onData).off('end', onEnd).off('error', onError).off('close', onClose)
    }
    const refuse = (error: GatehouseError): void => {
      settle()
      payload.pause()
      chunks.length = 0
      reject(error)
    }
    const onData = (chunk: Buffer): void => {
      length += chunk.length
      if (length > limit) return refuse(tooLarge())
      if (held !== null && !held.take(chunk.length)) return refuse(noRoom())
      chunks.push(chunk)
    }
    const onEnd = (): void => {
      settle()
      // a chunk may be a view on the buffer of the connection
      resolve(Buffer.concat(chunks, length))
    }
    const onError = (error: NodeJS.ErrnoException): void => {
      settle()
      reject(error.code?.startsWith('GW_') ? error : gatehouseError('GW_BAD_REQUEST', { cause: error }))
    }
    const onClose = (): void => onError(new Error('the client is gone'))
    // a plugin has read it already
    if (payload.readableEnded || payload.destroyed) return onClose()
    payload.on('data', onData).on('end', onEnd).on('error', onError).on('close', onClose)
  })
}
