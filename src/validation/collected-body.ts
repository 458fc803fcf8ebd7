import type { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { gatehouseError, type GatehouseError } from '../errors.ts'
import { ByteBudget, HeldBytes } from '../limits/byte-budget.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Counts the memory of all collected request bodies. */
    bodyMemory: ByteBudget
  }
  interface FastifyRequest {
    /** The memory of this request's collected body; null when none is collected. */
    heldBody: HeldBytes | null
  }
}

/** For the body of one request, which holds its bytes until the response is closed. */
export function heldUntilClosed(budget: ByteBudget, reply: FastifyReply): HeldBytes {
  const held = new HeldBytes(budget)
  held.releaseAfter([reply])
  return held
}

/** Counts the bodies that the routes of a scope collect. */
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
 * Collects a body. When it is too large, the connection stays open so that the client gets the answer.
 * @param limit  bytes of this body
 * @param held   counts the bytes among those of all bodies; null for no count
 * @throws GW_BODY_TOO_LARGE, GW_TOO_MANY_BODIES, GW_BAD_REQUEST when the client is gone, or the stream's own error
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
      // copies the chunks, which may be views of the connection's buffer
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
