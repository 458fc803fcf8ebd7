import { registerHooks } from 'node:module'

const PUBLIC_FACE = new URL('../index.ts', import.meta.url).href
/** Packages that a route file may import without installing them. */
const LENT = /^typebox(\/.*)?$/

let registered = false

const notFound = (error: unknown): boolean =>
  ['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND'].includes((error as NodeJS.ErrnoException)?.code ?? '')

/**
 * Lets files anywhere on the disk import `gatehouse`, and `typebox` when nothing of that name is installed for them:
 * route files of `--routes /somewhere` and configuration files have no `node_modules` with this package in it.
 * `gatehouse` is always this very package, so that two copies never meet in one process.
 *
 * Has to be called before such files are imported; further calls do nothing.
 */
export function registerSelfResolver(): void {
  if (registered) return
  registered = true
  registerHooks({
    resolve(specifier, context, nextResolve) {
      if (specifier === 'gatehouse') return { url: PUBLIC_FACE, shortCircuit: true }
      if (!LENT.test(specifier)) return nextResolve(specifier, context)
      try {
        return nextResolve(specifier, context)
      } catch (error) {
        if (!notFound(error)) throw error
        return nextResolve(specifier, { ...context, parentURL: import.meta.url })
      }
    },
  })
}
