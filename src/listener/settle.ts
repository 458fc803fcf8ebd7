import type { FastifyReply, onSendHookHandler } from 'fastify'
import { ERRORS, gatehouseError } from '../errors.ts'
import { isProblemAnswer } from './error-answer.ts'

/**
 * Ends a promise on the way of a request. If it rejects, the client gets the error as its answer, so that nothing a
 * request does can become an unhandled rejection, which ends the process.
 *
 * Every promise on a request's way is either awaited by Fastify (an async hook or handler) or ends here.
 */
export function settle(work: Promise<unknown>, reply: FastifyReply): void {
  work.catch((error: unknown) => failReply(reply, error))
}

/**
 * Runs what a stream, a timer or a connection calls back for a request. What it throws becomes the client's answer:
 * thrown out of an event it would end the process.
 */
export function guarded(reply: FastifyReply, work: () => unknown): void {
  try {
    work()
  } catch (error) {
    failReply(reply, error)
  }
}

/**
 * An `onSend` hook that leaves error documents alone when it fails at one. Fastify would else answer with the text of
 * the second error, which is for nobody outside.
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
 * Answers a request with an error, in whatever state its reply is: an error document when nothing was sent, a broken
 * connection when a part of the response was. Never throws.
 */
export function failReply(reply: FastifyReply, thrown: unknown): void {
  const { raw } = reply
  const error = thrown instanceof Error ? thrown : gatehouseError('GW_INTERNAL', { cause: new Error(String(thrown)) })
  try {
    if (!reply.sent && !raw.headersSent && !raw.destroyed) {
      reply.send(error)
      return
    }
    // a refusal that its client did not wait for is no error of the gateway
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
  // a client must not take a part for the whole; one that has everything already is left alone
  if (!raw.writableEnded) raw.destroy()
}

function isRefusal(error: Error): boolean {
  const { code = 'GW_INTERNAL' } = error as NodeJS.ErrnoException
  return code !== 'GW_INTERNAL' && Object.hasOwn(ERRORS, code)
}
