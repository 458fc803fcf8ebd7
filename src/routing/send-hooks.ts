import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify'

type Done = (error: unknown, payload?: unknown) => void
type SendHook = (
  this: FastifyInstance,
  request: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
  done: Done,
) => unknown

/**
 * Lets the onSend hooks of a hand-written plugin fail with errors only. When such a hook fails with anything else
 * (`throw 'x'`) while an error is answered, Fastify calls a function that is not there, and the process ends.
 */
export function guardSendHooks(scope: FastifyInstance): void {
  const { addHook } = scope
  scope.addHook = function (this: FastifyInstance, name: string, hook: unknown) {
    return addHook.call(this, name as never, (name === 'onSend' ? failingWithErrors(hook) : hook) as never)
  } as FastifyInstance['addHook']
}

/** The same for the onSend hooks of one route. */
export function guardRouteSendHooks(route: RouteOptions): void {
  if (route.onSend !== undefined) route.onSend = [route.onSend].flat().map(failingWithErrors) as RouteOptions['onSend']
}

function failingWithErrors(hook: unknown): unknown {
  // Fastify says itself what is wrong with an async hook that takes a callback
  if (typeof hook !== 'function' || (hook.constructor.name === 'AsyncFunction' && hook.length === 4)) return hook
  const guarded: SendHook = function (request, reply, payload, done) {
    try {
      const result: unknown = (hook as SendHook).call(this, request, reply, payload, (error, changed) =>
        done(error == null ? error : errorOf(error), changed),
      )
      return result instanceof Promise
        ? result.catch((error: unknown) => {
            throw errorOf(error)
          })
        : result
    } catch (error) {
      throw errorOf(error)
    }
  }
  return guarded
}

const errorOf = (thrown: unknown): Error =>
  thrown instanceof Error
    ? thrown
    : new Error('an onSend hook of a plugin has failed with something that is no Error', { cause: thrown })
