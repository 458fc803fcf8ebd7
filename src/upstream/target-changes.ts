import type { Target } from './target.ts'
import type { TargetSettings } from './target-settings.ts'

/** The difference between a list of targets and the one before. */
export interface TargetChanges {
  /** The new list, in the order of the settings. */
  targets: readonly Target[]
  added: Target[]
  removed: Target[]
}

/** Finds the targets that stay, by id, and gives them their new settings. @param make  makes a new target */
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
