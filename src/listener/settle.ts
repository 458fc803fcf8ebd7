import type { FastifyReply, onSendHookHandler } from 'fastify'
import { ERRORS, gatehouseError } from '../errors.ts'
import { isProblemAnswer } from './error-answer.ts'

/**
 * Handles a promise of a request that Fastify does not await. If it rejects, the client gets the error as its response.
 * This way a request never causes an unhandled rejection, which would end the process.
 *
 * Every promise of a request is either awaited by Fastify (an async hook or handler) or passed to this function.
 */
export function settle(work: Promise<unknown>, reply: FastifyReply): void {
  work.catch((error: unknown) => failReply(reply, error))
}

/**
 * Runs a callback of a stream, a timer or a connection for a request. If it throws, the client gets the error as its
 * response. An error thrown out of an event would end the process.
 */
export function guarded(reply: FastifyReply, work: () => unknown): void {
  try {
    work()
  } catch (error) {
    failReply(reply, error)
  }
}

/**
 * Wraps an `onSend` hook so that, when it fails for an error document, the document is sent unchanged. Fastify would
 * otherwise send the text of the second error, which clients must not see.
 */
export function sendStage(stage: onSendHookHandler<unknown>): onSendHookHandler<unknown> {
  return function (request, reply, payload, done) {
    try {
      stage.call(this, request, reply, payload, done)
    } catch (error) {
      if (!isProblemAnswer(reply)) throw error
      request.log.error({ reqId: request.id, code: 'GW_INTERNAL', err: error }, 'a hook failed at an error answer')
      done(null, payload)
    }
  }
}

/**
 * Answers a request with an error, whatever the state of its reply: with an error document when nothing was sent yet,
 * by breaking the connection when a part of the response was sent. Never throws.
 */
export function failReply(reply: FastifyReply, thrown: unknown): void {
  const { raw } = reply
  const error = thrown instanceof Error ? thrown : gatehouseError('GW_INTERNAL', { cause: new Error(String(thrown)) })
  try {
    if (!reply.sent && !raw.headersSent && !raw.destroyed) {
      reply.send(error)
      return
    }
    // the client left before it was refused: not an error of the gateway
    if (raw.destroyed && !raw.headersSent && isRefusal(error)) return
    reply.log.error(
      { reqId: reply.request.id, code: 'GW_INTERNAL', err: error },
      'an error after the response had begun',
    )
  } catch (second) {
    reply.log.error(
      { reqId: reply.request.id, code: 'GW_INTERNAL', err: second, cause: error },
      'an error could not be answered',
    )
  }
  // a client must not take a partial response for a complete one; a complete response needs nothing more
  if (!raw.writableEnded) raw.destroy()
}

function isRefusal(error: Error): boolean {
  const { code = 'GW_INTERNAL' } = error as NodeJS.ErrnoException
  return code !== 'GW_INTERNAL' && Object.hasOwn(ERRORS, code)
}
