import type {
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  onRequestHookHandler,
  preHandlerHookHandler,
  RouteOptions,
} from 'fastify'
import { gatehouseError } from '../errors.ts'
import { ADMITTING, assemble } from '../phases.ts'
import { admit } from '../proxy/pipeline.ts'
import { collectBodies } from '../validation/body-parsers.ts'
import { DEFAULT_CONSUMES } from './route-options.ts'

type NotFoundHandler = (request: FastifyRequest, reply: FastifyReply) => unknown

/** Fastify's options of a not-found handler. As on a route, `config` sets `auth` and `rateLimit`. */
interface NotFoundOptions {
  config?: RouteOptions['config']
  onRequest?: onRequestHookHandler[]
  preHandler?: preHandlerHookHandler | preHandlerHookHandler[]
}

declare module 'fastify' {
  interface FastifyInstance {
    /**
     * Answers requests below the prefix of this scope that match no route. Like routes, it inherits `auth` and
     * `rateLimit` of the gateway.
     */
    setNotFoundHandler(options: NotFoundOptions, handler: NotFoundHandler): this
  }
}

/**
 * Prepares the scope of a hand-written plugin. Some of its code can run before the phases of the gateway: hooks that
 * run first, error handlers, not-found handlers. So requests are marked once they are admitted, and not-found handlers
 * get the phases of a route.
 * @param bodyLimit  limit of parsed bodies, in bytes
 * @param inherit    adds what a route inherits from the gateway, and reports a route without `auth`
 * @param registered  called with each route after the phases have read it
 * @param notFound   called with each not-found handler, as a route
 */
export function preparePluginScope(
  scope: FastifyInstance,
  bodyLimit: number,
  inherit: (route: RouteOptions, name: string) => void,
  registered: (route: RouteOptions) => void,
  notFound: (route: RouteOptions) => void,
): void {
  // JSON is parsed as Fastify handlers expect, and its bytes are kept for forwarding; other bodies stream
  collectBodies(scope, { bodyLimit, consumes: DEFAULT_CONSUMES })
  scope.addContentTypeParser('*', (_request, payload, done) => done(null, payload))
  scope.routePhase('admission', () => admit)
  // after the phases have been assembled, and before the onRoute hooks of the plugin
  scope.addHook('onRoute', (route) => {
    guardRouteSendHooks(route)
    registered(route)
  })
  guardSendHooks(scope)

  const { setNotFoundHandler } = scope
  scope.setNotFoundHandler = function (
    this: FastifyInstance,
    options?: NotFoundOptions | NotFoundHandler,
    handler?: NotFoundHandler,
  ) {
    const own = typeof options === 'object' ? options : {}
    const answer = typeof options === 'function' ? options : handler
    const prefix = this.prefix || '/'
    const route: RouteOptions = {
      method: [...this.supportedMethods],
      url: `${prefix.replace(/\/$/, '')}/*`,
      config: { ...own.config },
      handler: () => {},
    }
    inherit(route, `setNotFoundHandler({ config }, handler) of ${prefix}`)
    // the boot has already failed
    if (route.config!.auth === undefined) return this
    assemble(route, this, ADMITTING)
    const guarded = {
      ...own,
      method: route.method,
      url: route.url,
      handler: route.handler,
      config: route.config,
      onRequest: [...[own.onRequest ?? []].flat(), ...[route.onRequest ?? []].flat(), admit],
      preParsing: [route.preParsing ?? []].flat(),
      preHandler: [refuseUnadmitted(route.config!.auth === 'none'), ...[own.preHandler ?? []].flat()],
    }
    // Fastify reads the hooks at the end of the boot, after the guard has added its own
    notFound(guarded)
    return setNotFoundHandler.call(this, guarded as object, answer as never) as typeof this
  } as FastifyInstance['setNotFoundHandler']
}

/** Any hook of any route can call `reply.callNotFound()`, which skips the hooks before this handler. */
const refuseUnadmitted =
  (isOpen: boolean): preHandlerHookHandler =>
  (request, _reply, done) => {
    done(request.admitted && (isOpen || request.authorized) ? undefined : gatehouseError('GW_NOT_FOUND'))
  }

type Done = (error: unknown, payload?: unknown) => void
type SendHook = (
  this: FastifyInstance,
  request: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
  done: Done,
) => unknown

/**
 * Makes the onSend hooks of a hand-written plugin fail with Error objects only. When such a hook throws anything else
 * (`throw 'x'`) while an error is being answered, Fastify calls a missing function, and the process ends.
 */
function guardSendHooks(scope: FastifyInstance): void {
  const { addHook } = scope
  scope.addHook = function (this: FastifyInstance, name: string, hook: unknown) {
    return addHook.call(this, name as never, (name === 'onSend' ? failingWithErrors(hook) : hook) as never)
  } as FastifyInstance['addHook']
}

/** The same for the onSend hooks of one route. */
function guardRouteSendHooks(route: RouteOptions): void {
  if (route.onSend !== undefined) route.onSend = [route.onSend].flat().map(failingWithErrors) as RouteOptions['onSend']
}

function failingWithErrors(hook: unknown): unknown {
  // Fastify itself reports an async hook that takes a callback
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
