import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import type { UpstreamInput } from '../upstream/declaration-schema.ts'

const kDeclaration = Symbol.for('gatehouse.declaration')

/** A Fastify plugin that carries the declaration it was made of. */
export interface UpstreamPlugin {
  (app: FastifyInstance): Promise<void>
  [kDeclaration]: UpstreamInput
}

/**
 * Declares an upstream API: the default export of a file in `routes/`.
 *
 * The declaration is checked at boot against its schema; every mistake is reported with the file and the field.
 * @example
 * export default defineUpstream({
 *   name: 'orders',
 *   prefix: '/orders',
 *   targets: ['http://127.0.0.1:4001'],
 *   auth: { jwt: { scopes: ['orders:read'] } },
 *   routes: [{ method: 'GET', url: '/:id' }],
 * })
 */
export function defineUpstream(declaration: UpstreamInput): UpstreamPlugin {
  const plugin = async (app: FastifyInstance) => {
    await app.declareUpstream(declaration)
  }
  return Object.assign(plugin, { [kDeclaration]: declaration })
}

/** The declaration inside a plugin that `defineUpstream` has made; undefined for a hand-written plugin. */
export const declarationOf = (plugin: unknown): UpstreamInput | undefined =>
  (plugin as Partial<UpstreamPlugin> | null)?.[kDeclaration]

/** Whether an export is meant as a declaration, with or without `defineUpstream`. */
function isDeclaration(value: unknown): boolean {
  if (declarationOf(value) !== undefined) return true
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return false
  return 'name' in value && ['targets', 'prefix', 'routes', 'openapi', 'passThrough'].some((key) => key in value)
}

/**
 * Wraps a hand-written plugin, to notice one that returns a declaration, which Fastify would silently drop.
 * @param told  called when a declaration was returned. The plugin keeps its name and parameters
 */
export const watchedPlugin = (plugin: FastifyPluginAsync, told: () => void): FastifyPluginAsync =>
  new Proxy(plugin, {
    apply(target, self, args) {
      const result: unknown = Reflect.apply(target, self, args)
      if (!(result instanceof Promise)) {
        if (isDeclaration(result)) told()
        return result
      }
      return result.then((value: unknown) => {
        if (isDeclaration(value)) told()
        return value
      })
    },
  })
