import type { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { gatehouseError, type GatehouseError } from '../errors.ts'
import { ByteBudget, HeldBytes } from '../limits/byte-budget.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** What all collected request bodies may hold together. */
    bodyMemory: ByteBudget
  }
  interface FastifyRequest {
    /** What the collected body of this request holds; null when none is collected. */
    heldBody: HeldBytes | null
  }
}

/** For the body of one request, which holds its bytes until the response is closed. */
export function heldUntilClosed(budget: ByteBudget, reply: FastifyReply): HeldBytes {
  const held = new HeldBytes(budget)
  held.releaseAfter([reply])
  return held
}

/** Counts what the requests of a scope collect. */
export function holdBodies(app: FastifyInstance): void {
  if (!app.hasDecorator('bodyMemory')) app.decorate('bodyMemory', new ByteBudget(Infinity))
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
    request.heldBody = heldUntilClosed(request.server.bodyMemory, reply)
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
export function collectBody(payload: Readable, limit: number, held: HeldBytes | null): Promise<Buffer> {
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
      if (held !== null && !held.take(chunk.length, true)) return refuse(noRoom())
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
