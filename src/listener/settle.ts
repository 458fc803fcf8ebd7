import type { FastifyReply } from 'fastify'
import { gatehouseError } from '../errors.ts'

/**
 * Ends a promise on the way of a request. If it rejects, the client gets the error as its answer, so that nothing a
 * request does can become an unhandled rejection, which ends the process.
 *
 * Every promise on a request's way is either awaited by Fastify (an async hook or handler) or ends here.
 */
export function settle (work: Promise<unknown>, reply: FastifyReply): void {
  work.catch((error: unknown) => failReply(reply, error))
}

/**
 * Answers a request with an error, in whatever state its reply is: an error document when nothing was sent, a broken
 * connection when a part of the response was. Never throws.
 */
export function failReply (reply: FastifyReply, thrown: unknown): void {
  const { raw } = reply
  const error = thrown instanceof Error ? thrown : gatehouseError('GW_INTERNAL', { cause: new Error(String(thrown)) })
  try {
    if (!reply.sent && !raw.headersSent && !raw.destroyed) {
      reply.send(error)
      return
    }
    reply.log.error({ reqId: reply.request.id, code: 'GW_INTERNAL', err: error }, 'an error after the response had begun')
  } catch (second) {
    reply.log.error({ reqId: reply.request.id, code: 'GW_INTERNAL', err: second, cause: error }, 'an error could not be answered')
  }
  // a client must not take a part for the whole; one that has everything already is left alone
  if (!raw.writableEnded) raw.destroy()
}
