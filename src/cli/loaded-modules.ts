import { registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'

const ROOT = new URL('../../', import.meta.url).href
const OWN = ['src/', 'plugins/', 'bin/'].map((folder) => ROOT + folder)
const PACKAGE_CODE = /^file:.*\/node_modules\/.*\.[cm]?js$/
const isOwn = (url: string): boolean => OWN.some((folder) => url.startsWith(folder))

/** What a gateway has imported. */
export interface LoadedModules {
  /**
   * Absolute paths of the user's files, without packages. Includes files that an import did not find, since they may be
   * created later.
   */
  files: string[]
  /** URLs of the modules of this package, and of the packages that it imports. */
  engine: string[]
}

/**
 * Records every module imported from now on.
 * @returns a function that returns the modules imported so far
 */
export function recordModules(): () => LoadedModules {
  const files = new Set<string>()
  const engine = new Set<string>()
  const note = (url: string, parent = ''): void => {
    if (isOwn(url) || (isOwn(parent) && PACKAGE_CODE.test(url))) engine.add(url)
    else if (url.startsWith('file:') && !url.includes('/node_modules/')) {
      files.add(fileURLToPath(url.replace(/[?#].*$/, '')))
    }
  }
  registerHooks({
    resolve(specifier, context, nextResolve) {
      try {
        const resolved = nextResolve(specifier, context)
        note(resolved.url, context.parentURL)
        return resolved
      } catch (error) {
        if (/^\.{0,2}\//.test(specifier) && context.parentURL?.startsWith('file:')) {
          note(new URL(specifier, context.parentURL).href)
        }
        throw error
      }
    },
  })
  return () => ({ files: [...files], engine: [...engine] })
}
