import { registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'

const ROOT = new URL('../../', import.meta.url).href
const OWN = ['src/', 'plugins/', 'bin/'].map((folder) => ROOT + folder)
const PACKAGE_CODE = /^file:.*\/node_modules\/.*\.[cm]?js$/
const isOwn = (url: string): boolean => OWN.some((folder) => url.startsWith(folder))

/** What a gateway has imported. */
export interface LoadedModules {
  /**
   * Files of the user, packages left out: absolute paths. One that was looked for in vain is among them, since it may
   * be written yet.
   */
  files: string[]
  /** Modules of this package, and those of other packages that it imports itself: URLs. */
  engine: string[]
}

/**
 * Takes note of every module that is imported from now on.
 * @returns what was imported so far
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
