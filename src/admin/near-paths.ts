import type { RouteTable } from '../routing/route-table.ts'
import { distance } from '../schema/suggestion.ts'

/** Most paths that are named. */
const MOST = 3
/** Longest path that is compared: nobody mistypes more, and the comparison is quadratic. */
const LONGEST = 200

interface Candidate {
  text: string
  edits: number
  /** Whether the method is that of the request. */
  fits: boolean
}

/**
 * The routes that somebody may have meant whose request reaches none, the nearest first.
 * @param path  canonical path of the request
 * @returns method and path of each, such as `GET /orders/:id`
 */
export function nearPaths(table: RouteTable, method: string, path: string): string[] {
  if (path.length > LONGEST) return []
  const wanted = method === 'HEAD' ? 'GET' : method
  const routes = [
    ...table.rows
      .filter(({ options }) => !options.config?.passThrough)
      .map((row) => ({ method: row.method, path: row.path, hosts: row.hosts })),
    ...table.ownRoutes.map((own) => ({ ...own, hosts: [] })),
  ]
  const candidates = new Map<string, Candidate>()
  for (const { method: own, path: pattern, hosts } of routes) {
    const edits = patternDistance(path, pattern)
    if (edits === null) continue
    const text = `${own} ${hosts.join(',')}${pattern}`
    candidates.set(text, { text, edits, fits: own === wanted })
  }
  const sorted = [...candidates.values()].sort((a, b) => Number(b.fits) - Number(a.fits) || a.edits - b.edits)
  return sorted
    .filter(({ fits }) => fits || !sorted[0]!.fits)
    .slice(0, MOST)
    .map(({ text }) => text)
}

/**
 * Fewest edits from a path to one that a pattern matches; null when they are too many for a slip. Parameters match any
 * segment, and a wildcard any rest.
 */
function patternDistance(path: string, pattern: string): number | null {
  const given = path.split('/')
  const wanted = pattern.split('/')
  const isOpen = wanted.at(-1) === '*'
  if (isOpen ? given.length < wanted.length : given.length !== wanted.length) return slashDistance(path, pattern)
  let edits = 0
  for (const [i, segment] of wanted.entries()) {
    if (isOpen && i === wanted.length - 1) continue
    if (segment.includes(':')) {
      // a slash too many is the nearer slip than a parameter left out
      if (given[i] === '') edits += 2
      continue
    }
    const more = distance(given[i]!.toLowerCase(), segment.toLowerCase())
    if (more > slips(given[i]!, segment)) return null
    edits += more
  }
  return edits
}

/** A slash too many or too few, as in `/orders/` and `/v1orders`. */
function slashDistance(path: string, pattern: string): number | null {
  return !/[:*]/.test(pattern) && distance(path.toLowerCase(), pattern.toLowerCase()) === 1 ? 1 : null
}

/** Most edits that count as a slip: one in three letters. */
const slips = (one: string, other: string): number => Math.max(1, Math.floor(Math.min(one.length, other.length) / 3))
