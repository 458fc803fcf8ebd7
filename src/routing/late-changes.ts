import type { FastifyContextConfig, RouteOptions } from 'fastify'
import type { Problem } from '../errors.ts'

/**
 * Fields that the phases read once, when a route is registered. A later change would show in the documents and have no
 * effect.
 */
const READ_ONCE = [
  'auth',
  'limit',
  'limits',
  'cost',
  'cors',
  'csrf',
  'securityHeaders',
  'compress',
  'clientCache',
  'responses',
  'responseValidation',
  'requestValidation',
  'consumes',
  'websocket',
  'upstream',
  'hosts',
  'publicUrl',
  'hostPrefix',
] as const satisfies (keyof FastifyContextConfig)[]

/** The hook arrays of a route in which phases put hooks. */
const HOOKS = ['onRequest', 'preParsing', 'preValidation', 'onSend', 'onResponse'] as const

interface Noted {
  file: string
  name: string
  /** Values as JSON, by field. */
  values: Map<string, string | undefined>
  /** The hooks that the phases have put on the route. */
  hooks: Map<(typeof HOOKS)[number], unknown[]>
}

/**
 * Finds changes that hand-written plugins make to their routes in their own onRoute hooks. Those run after the phases
 * have read the route, so a change would have no effect, or would remove authentication.
 */
export class LateChanges {
  readonly #own = new WeakMap<RouteOptions, Set<unknown>>()
  readonly #noted = new Map<RouteOptions, Noted>()
  /** Routes that were added too late. */
  readonly #tooLate: Problem[] = []
  #isEnded = false

  /** Called when every file has registered its routes: later ones are refused. */
  end(): void {
    this.#isEnded = true
  }

  /**
   * Records the hooks of a route before the phases add theirs.
   * @throws when it is too late for a route: Fastify would leave it in the router without its hooks, and its first
   *   request would end the process
   */
  begin(route: RouteOptions, file: string): void {
    if (this.#isEnded) {
      const message =
        'is added after the boot, as in an onReady hook: add it in the plugin itself, and await what it waits for'
      this.#tooLate.push({ file, field: nameOf(route), message })
      throw new Error(`${nameOf(route)}: ${message}`)
    }
    this.#own.set(route, new Set(HOOKS.flatMap((hook) => hooksOf(route, hook))))
  }

  /** Records a route after the phases have read it. */
  note(route: RouteOptions, file: string): void {
    const own = this.#own.get(route) ?? new Set()
    const hooks = new Map(HOOKS.map((hook) => [hook, hooksOf(route, hook).filter((one) => !own.has(one))]))
    this.#noted.set(route, { file, name: nameOf(route), values: valuesOf(route), hooks })
  }

  /** The changes since then. */
  problems(): Problem[] {
    const problems: Problem[] = [...this.#tooLate]
    for (const [route, { file, name, values, hooks }] of this.#noted) {
      const say = (field: string, message: string): void => {
        problems.push({ file, field: `${name}: ${field}`, message })
      }
      const now = valuesOf(route)
      for (const [field, value] of values) {
        const found = now.get(field)
        // Fastify registers a route at `/` of a prefix a second time, with a slash at its end
        if (found === value || (field === 'url' && found === `${value!.slice(0, -1)}/"`)) continue
        say(
          field,
          `is changed from ${value ?? 'nothing'} to ${found ?? 'nothing'} by an onRoute hook, after the gateway has read it: state it on the route itself`,
        )
      }
      for (const [hook, put] of hooks) {
        const left = new Set(hooksOf(route, hook))
        if (put.some((one) => !left.has(one))) {
          say(
            hook,
            'an onRoute hook has taken away hooks that the gateway put there (authentication or limits): add to the array instead of replacing it',
          )
        }
      }
    }
    return problems
  }
}

const nameOf = ({ method, url }: RouteOptions): string => `${[method].flat().join(',')} ${url}`

const hooksOf = (route: RouteOptions, hook: (typeof HOOKS)[number]): unknown[] => [route[hook] ?? []].flat()

function valuesOf(route: RouteOptions): Map<string, string | undefined> {
  const config = route.config ?? {}
  return new Map([
    ...READ_ONCE.map((field) => [`config.${field}`, JSON.stringify(config[field])] as const),
    ['method', JSON.stringify(route.method)],
    ['url', JSON.stringify(route.url)],
    ['constraints', JSON.stringify(route.constraints)],
  ])
}
