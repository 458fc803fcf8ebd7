import type { FastifyInstance, RouteOptions } from 'fastify'
import { collectBodies, streamAnyBodies } from '../validation/body-parsers.ts'

/**
 * Groups the routes of an upstream by how their request bodies are read. Fastify chooses body parsers per scope, so
 * routes that read bodies alike share a scope.
 */
export class BodyScopes {
  /** For routes whose bodies are forwarded unread. */
  readonly #streaming: RouteOptions[] = []
  readonly #collecting = new Map<string, RouteOptions[]>()
  /** For routes whose API document describes their bodies. */
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
   * @param bodyLimit  limit of routes that set none, in bytes
   * @param streamed   registers further routes whose bodies are streamed
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
