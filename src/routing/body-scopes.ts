import type { FastifyInstance, RouteOptions } from 'fastify'
import { collectBodies, streamAnyBodies } from '../validation/body-parsers.ts'

/**
 * The routes of an upstream by what becomes of their request bodies: Fastify parses bodies by scope, so those that take
 * the same share one.
 */
export class BodyScopes {
  /** Of all routes whose bodies nobody looks at. */
  readonly #streaming: RouteOptions[] = []
  readonly #collecting = new Map<string, RouteOptions[]>()
  /** Of routes whose document says what bodies they have. */
  readonly #described: RouteOptions[] = []

  add(options: RouteOptions): void {
    const { consumes, api, requestValidation = 'off' } = options.config!
    if (consumes === undefined) {
      const isDescribed = requestValidation !== 'off' && api !== undefined && api.operation.body !== null
      ;(isDescribed ? this.#described : this.#streaming).push(options)
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
  register(
    scope: FastifyInstance,
    bodyLimit: number,
    route: (scope: FastifyInstance, options: RouteOptions) => void,
    streamed: (scope: FastifyInstance) => Promise<void>,
  ): void {
    scope.register(async (child) => {
      streamAnyBodies(child)
      for (const options of this.#streaming) route(child, options)
      await streamed(child)
    })
    if (this.#described.length > 0) {
      scope.register(async (child) => {
        const { readOperationBodies } = await import('../validation/operation-body.ts')
        readOperationBodies(child)
        for (const options of this.#described) route(child, options)
      })
    }
    for (const routes of this.#collecting.values()) {
      scope.register(async (child) => {
        collectBodies(child, { bodyLimit, consumes: routes[0]!.config!.consumes! })
        for (const options of routes) route(child, options)
      })
    }
  }
}
