import type { DocumentedRoute } from './openapi-operation.ts'
import { passedPrefix } from './portal-visibility.ts'

/** What documents say about a pass-through. */
export interface PassedThrough {
  upstream: string
  note: string
  /** Whether the upstream has no operations beside it. */
  isWhole: boolean
}

/**
 * What documents say about pass-throughs, one entry for each upstream.
 * @param routes         routes that pass everything below a prefix through
 * @param hasOperations  whether the document has operations of an upstream
 */
export function passedThroughNotes(
  routes: readonly DocumentedRoute[],
  hasOperations: (upstream: string) => boolean,
): PassedThrough[] {
  const notes = new Map<string, PassedThrough>()
  for (const route of routes) {
    const { upstream, hosts } = route.config
    if (upstream === undefined || notes.has(upstream)) continue
    const isWhole = !hasOperations(upstream)
    const where = hosts === undefined ? '' : ` on ${hosts.map((host) => `\`${host}\``).join(', ')}`
    const note = `Everything${isWhole ? '' : ' else'} below \`${passedPrefix(route)}/\`${where} is passed through to the service.`
    notes.set(upstream, { upstream, note, isWhole })
  }
  return [...notes.values()]
}
