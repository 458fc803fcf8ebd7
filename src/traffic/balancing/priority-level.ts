/** The targets of the lowest priority number there is among those that can be had: the others are backups. */
export function firstLevel<T extends { readonly priority: number }>(available: readonly T[]): readonly T[] {
  let first = Infinity
  let isMixed = false
  for (const { priority } of available) {
    isMixed ||= first !== Infinity && priority !== first
    if (priority < first) first = priority
  }
  return isMixed ? available.filter(({ priority }) => priority === first) : available
}
