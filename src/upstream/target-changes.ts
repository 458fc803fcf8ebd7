import type { Target } from './target.ts'
import type { TargetSettings } from './target-settings.ts'

/** What becomes of a list of targets when another takes its place. */
export interface TargetChanges {
  /** The new list, in the order of the settings. */
  targets: readonly Target[]
  added: Target[]
  removed: Target[]
}

/**
 * Finds the targets that stay, by their id, and gives these their new settings. @param make  makes those that are new
 */
export function targetChanges(
  known: readonly Target[],
  wanted: readonly TargetSettings[],
  make: (settings: TargetSettings) => Target,
): TargetChanges {
  const left = [...known]
  const added: Target[] = []
  const targets = wanted.map((settings) => {
    const at = left.findIndex(({ id }) => id === settings.id)
    const [target] = at === -1 ? [] : left.splice(at, 1)
    if (target !== undefined) {
      target.adopt(settings)
      return target
    }
    const made = make(settings)
    added.push(made)
    return made
  })
  return { targets, added, removed: left }
}
