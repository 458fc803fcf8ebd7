/** Editions of the suite: the one on npm, and the one in the suite's repository. */
export type Edition = 'npm' | 'repository'

export type Verdict = 'passed' | 'failed' | 'not reached'

const ROW = /^\| `([^`|]+)` \| (npm|repository|both) \| (.+) \|$/

/**
 * The cases that are known not to pass, with the reason for each.
 * @param page  text of docs/cache-conformance.md, which lists them in a table: case, edition, reason
 */
export function knownDifferences(page: string, edition: Edition): Map<string, string> {
  const known = new Map<string, string>()
  for (const line of page.split('\n')) {
    const [, id, where, why] = ROW.exec(line) ?? []
    if (id === undefined || (where !== 'both' && where !== edition)) continue
    if (known.has(id)) throw new Error(`docs/cache-conformance.md lists ${id} twice`)
    known.set(id, why!)
  }
  return known
}

/** What a run shows that the list does not: a line for each case. Empty when only the listed cases differ. */
export function unlisted(known: ReadonlyMap<string, string>, verdicts: ReadonlyMap<string, Verdict>): string[] {
  const lines: string[] = []
  for (const [id, verdict] of verdicts) {
    if (verdict !== 'passed' && !known.has(id)) {
      lines.push(`${id}: ${verdict}, and not listed in docs/cache-conformance.md`)
    }
    if (verdict === 'passed' && known.has(id)) lines.push(`${id}: passes now; remove it from docs/cache-conformance.md`)
  }
  for (const id of known.keys()) {
    if (!verdicts.has(id)) lines.push(`${id}: listed, but this edition of the suite has no such case`)
  }
  return lines
}
