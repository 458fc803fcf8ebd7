import type { FastifyInstance } from 'fastify'
import type { UpstreamInput } from './declaration-schema.ts'

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
export function defineUpstream (declaration: UpstreamInput): UpstreamPlugin {
  const plugin = async (app: FastifyInstance) => { await app.declareUpstream(declaration) }
  return Object.assign(plugin, { [kDeclaration]: declaration })
}

/** The declaration inside a plugin that `defineUpstream` has made; undefined for a hand-written plugin. */
export const declarationOf = (plugin: unknown): UpstreamInput | undefined =>
  (plugin as Partial<UpstreamPlugin> | null)?.[kDeclaration]
