/** Lines of one file of the tree, or of several together. */
export interface LineCount {
  lines: number
  hit: number
}

/**
 * Counts the lines of each file in an lcov report.
 * @param text  a report as Node's lcov reporter writes it: `SF:` begins a file, `LF:` counts its lines, `LH:` those that ran
 */
export function linesOf(text: string): Map<string, LineCount> {
  const files = new Map<string, LineCount>()
  let current: LineCount = { lines: 0, hit: 0 }
  for (const line of text.split('\n')) {
    const value = line.slice(3)
    if (line.startsWith('SF:')) {
      current = { lines: 0, hit: 0 }
      files.set(value.replaceAll('\\', '/'), current)
    } else if (line.startsWith('LF:')) current.lines = Number(value)
    else if (line.startsWith('LH:')) current.hit = Number(value)
  }
  return files
}

/** The counts by folder: two levels of `src` and `plugins`, such as `src/proxy`. Sorted by name, the total last. */
export function byFolder(files: ReadonlyMap<string, LineCount>): [folder: string, count: LineCount][] {
  const folders = new Map<string, LineCount>()
  const total: LineCount = { lines: 0, hit: 0 }
  for (const [file, count] of files) {
    const folder = file.split('/').slice(0, -1).slice(0, 2).join('/')
    for (const sum of [folders.get(folder) ?? { lines: 0, hit: 0 }, total]) {
      sum.lines += count.lines
      sum.hit += count.hit
      if (sum !== total) folders.set(folder, sum)
    }
  }
  return [...[...folders].sort(([a], [b]) => a.localeCompare(b)), ['total', total]]
}

/** Such as `93.4 %`. */
export const percentage = ({ lines, hit }: LineCount): string =>
  `${(lines === 0 ? 100 : (hit / lines) * 100).toFixed(1)} %`
