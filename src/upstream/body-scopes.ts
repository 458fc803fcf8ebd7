import type { FastifyInstance, RouteOptions } from 'fastify'
import { collectBodies, streamBodies } from '../contract/body-parsers.ts'

/**
 * The routes of an upstream by what becomes of their request bodies: Fastify parses bodies by scope, so those that take the same
 * share one.
 */
export class BodyScopes {
  /** Of all routes whose bodies nobody looks at. */
  readonly #streaming: RouteOptions[] = []
  readonly #collecting = new Map<string, RouteOptions[]>()

  add (options: RouteOptions): void {
    const { consumes } = options.config!
    if (consumes === undefined) {
      this.#streaming.push(options)
      return
    }
    const key = consumes.join(',')
    const known = this.#collecting.get(key)
    if (known === undefined) this.#collecting.set(key, [options])
    else known.push(options)
  }

  /**
   * @param bodyLimit  of routes that state none. Bytes
   * @param streamed   registers what else streams its bodies
   */
  register (scope: FastifyInstance, bodyLimit: number, route: (scope: FastifyInstance, options: RouteOptions) => void, streamed: (scope: FastifyInstance) => void): void {
    scope.register(async (child) => {
      streamBodies(child)
      for (const options of this.#streaming) route(child, options)
      streamed(child)
    })
    for (const routes of this.#collecting.values()) {
      scope.register(async (child) => {
        collectBodies(child, { bodyLimit, consumes: routes[0]!.config!.consumes! })
        for (const options of routes) route(child, options)
      })
    }
  }
}
