import { channel } from 'node:diagnostics_channel'
import type {
  FastifyInstance,
  onRequestAbortHookHandler,
  onRequestHookHandler,
  onResponseHookHandler,
  onSendHookHandler,
  preParsingHookHandler,
  preValidationHookHandler,
  RouteHandlerMethod,
  RouteOptions,
} from 'fastify'

/** The points of Fastify's request lifecycle at which phases run, with what runs there. */
interface Hooks {
  onRequest: onRequestHookHandler
  preParsing: preParsingHookHandler
  preValidation: preValidationHookHandler
  handler: RouteHandlerMethod
  onSend: onSendHookHandler<unknown>
  onResponse: onResponseHookHandler
  onRequestAbort: onRequestAbortHookHandler
}

interface Phase {
  name: string
  /** The Fastify hook that runs it; `handler` is the handler of the route. */
  point: keyof Hooks
  /**
   * `request`: runs for every request, also when no route answers it. `route`: runs on the routes that declare it.
   * `plugin`: what a route brings along itself.
   */
  of: 'request' | 'route' | 'plugin'
  /** What happens, for the documentation. */
  does: string
}

/**
 * The phases of a request, in their order. This table is the order: plugins say in which phase their hooks run, and the
 * arrays of hooks are built from the table. `gatehouse explain`, the documentation and the test of the order read it.
 *
 * At one point of the lifecycle Fastify runs the hooks of the instance before those of the route. That is why phases of
 * every request come before phases of routes at the same point.
 */
export const PHASES = [
  { name: 'requestId', point: 'onRequest', of: 'request', does: 'sends the request id as `X-Request-Id`' },
  { name: 'trace', point: 'onRequest', of: 'request', does: 'reserved: begins a trace' },
  { name: 'logStart', point: 'onRequest', of: 'request', does: 'prepares the line of the access log' },
  { name: 'edge', point: 'onRequest', of: 'request', does: 'checks what needs no route: warns of untrusted proxies' },
  { name: 'securityHeaders', point: 'onRequest', of: 'route', does: 'sets the security headers' },
  { name: 'cors', point: 'onRequest', of: 'route', does: 'sets the CORS headers, refuses WebSockets of other origins' },
  { name: 'addressLimits', point: 'onRequest', of: 'route', does: 'counts limits by address on routes with `auth`' },
  {
    name: 'ownHooks',
    point: 'onRequest',
    of: 'plugin',
    does: "runs the `onRequest` hooks in a plugin's route options",
  },
  { name: 'authentication', point: 'onRequest', of: 'route', does: 'authenticates and authorizes the consumer' },
  { name: 'forgery', point: 'onRequest', of: 'route', does: 'refuses forged requests that browsers send with cookies' },
  { name: 'consumerLimits', point: 'onRequest', of: 'route', does: 'counts all other limits, and those of plans' },
  { name: 'bodyType', point: 'onRequest', of: 'route', does: 'lets bodies of any `Content-Type` stream through' },
  {
    name: 'contractGuard',
    point: 'onRequest',
    of: 'route',
    does: 'refuses other spellings of a path that a stricter route has',
  },
  { name: 'admission', point: 'onRequest', of: 'route', does: 'lets hand-written plugins forward from here on' },
  { name: 'signedBody', point: 'preParsing', of: 'route', does: 'checks the digest of a signed body while it is read' },
  { name: 'inspection', point: 'preValidation', of: 'route', does: 'reserved: looks for attacks in bodies' },
  { name: 'operationValidation', point: 'preValidation', of: 'route', does: 'checks against the API document' },
  { name: 'validation', point: 'preValidation', of: 'route', does: 'checks against the schemas of the route' },
  { name: 'handler', point: 'handler', of: 'plugin', does: 'answers from the cache, or forwards to the upstream' },
  { name: 'driftAnswer', point: 'onSend', of: 'route', does: 'compares the answer with the API document' },
  { name: 'clientCache', point: 'onSend', of: 'route', does: 'sets `Cache-Control` and `ETag` for clients' },
  { name: 'compression', point: 'onSend', of: 'route', does: 'compresses the answer, or decompresses it' },
  { name: 'accessLog', point: 'onResponse', of: 'request', does: 'writes the line of the access log' },
  { name: 'metrics', point: 'onResponse', of: 'request', does: 'reserved: measures the answer' },
  { name: 'drift', point: 'onResponse', of: 'route', does: 'notes what the traffic and the API document differ in' },
  { name: 'abortLog', point: 'onRequestAbort', of: 'request', does: 'logs a request whose client went away' },
] as const satisfies readonly Phase[]

export type PhaseName = (typeof PHASES)[number]['name']
type PhaseOf<Of> = Extract<(typeof PHASES)[number], { of: Of }>['name']
export type RequestPhase = PhaseOf<'request'>
export type RoutePhase = PhaseOf<'route'>
type HookOf<Name> = Hooks[Extract<(typeof PHASES)[number], { name: Name }>['point']]

/** Gives the hook of a route in a phase; null when the route does not need the phase. */
type HookFor<Name> = (route: RouteOptions, scope: FastifyInstance) => HookOf<Name> | null

declare module 'fastify' {
  interface FastifyInstance {
    /** What plugins run in the phases of the routes of this scope, in the order of the table. */
    phaseHooks: readonly { index: number; hookFor: HookFor<RoutePhase> }[]
    /** Runs a hook in a phase of every request. Possible until the first route is registered. */
    requestPhase<Name extends RequestPhase>(name: Name, hook: HookOf<Name>): void
    /**
     * Runs a hook in a phase of the routes of this scope.
     *
     *     app.routePhase('clientCache', ({ config }) => (config?.clientCache ? hookOf(config.clientCache) : null))
     *
     * @param hookFor  called once for each route that is registered from now on
     */
    routePhase<Name extends RoutePhase>(name: Name, hookFor: HookFor<Name>): void
  }
}

/** The phases that decide whether a request may come in. They also stand before the not-found handlers of plugins. */
export const ADMITTING: ReadonlySet<string> = new Set<RoutePhase>([
  'addressLimits',
  'authentication',
  'forgery',
  'consumerLimits',
  'signedBody',
])

/**
 * Prepares an application for phases.
 * @returns adds the hooks of every request; to be called once all of them are known, and before there are other scopes
 */
export function preparePhases(app: FastifyInstance): () => void {
  const requestHooks: { name: string; hook: unknown }[] = []
  let isComplete = false
  app.decorate('requestPhase', (name, hook) => {
    if (isComplete) throw new Error(`requestPhase: "${name}" comes too late, after the phases of requests were added`)
    requestHooks.push({ name, hook })
  })
  app.decorate('phaseHooks', [])
  app.decorate('routePhase', function (this: FastifyInstance, name: RoutePhase, hookFor: HookFor<never>) {
    const added = { index: indexOf(name), hookFor: hookFor as unknown as HookFor<RoutePhase> }
    // a copy, which scopes below inherit and those above do not see
    this.phaseHooks = [...this.phaseHooks, added].sort((a, b) => a.index - b.index)
  })
  app.addHook('onRoute', function (route) {
    assemble(route, this)
    if (ran.hasSubscribers && route.handler) route.handler = recorded('handler', route.handler) as typeof route.handler
  })
  return () => {
    isComplete = true
    for (const { name, point } of PHASES) {
      for (const each of requestHooks) {
        if (each.name === name) app.addHook(point as 'onRequest', recorded(name, each.hook) as onRequestHookHandler)
      }
    }
  }
}

/**
 * Builds the hooks of a route in the order of the table. Hooks that the route has already keep their place: in
 * `onRequest` that of `ownHooks`, elsewhere before all of ours.
 * @param names  only these phases. Default: all
 */
export function assemble(route: RouteOptions, scope: FastifyInstance, names?: ReadonlySet<string>): void {
  for (const { index, hookFor } of scope.phaseHooks) {
    if (names !== undefined && !names.has(PHASES[index]!.name)) continue
    const hook = hookFor(route, scope)
    if (hook !== null) place(route, index, hook)
  }
}

/** Puts a hook of one phase on a route whose other hooks are there already. */
export function placeHook<Name extends RoutePhase>(route: RouteOptions, name: Name, hook: HookOf<Name>): void {
  place(route, indexOf(name), hook)
}

/** The place in the table of each hook that was put on a route. */
const placeOf = new WeakMap<object, number>()
const OWN_HOOKS = PHASES.findIndex(({ name }) => name === 'ownHooks')
const indexOf = (name: string): number => PHASES.findIndex((phase) => phase.name === name)

function place(route: RouteOptions, index: number, given: object): void {
  const { name, point } = PHASES[index]!
  const hook = recorded(name, given) as object
  placeOf.set(hook, index)
  const options = route as unknown as Record<string, object | object[] | undefined>
  const hooks = [options[point] ?? []].flat()
  const next = hooks.findIndex((one) => (placeOf.get(one) ?? (point === 'onRequest' ? OWN_HOOKS : -1)) > index)
  options[point] = hooks.toSpliced(next === -1 ? hooks.length : next, 0, hook)
}

/** Tells subscribers that a phase runs. Only hooks that are added while somebody is subscribed report to it. */
const ran = channel('gatehouse:phase')

function recorded(phase: string, hook: unknown): unknown {
  if (!ran.hasSubscribers) return hook
  return function (this: unknown, ...given: unknown[]): unknown {
    ran.publish({ phase, request: given[0] })
    return (hook as (...given: unknown[]) => unknown).apply(this, given)
  }
}
