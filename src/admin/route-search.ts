import type { IncomingHttpHeaders } from 'node:http'
import createRouter from 'find-my-way'
import { isAsIs } from '../proxy/upstream-path.ts'
import { matchesHeaders, ROUTER_OPTIONS } from '../routing/header-match.ts'
import { routerPath } from '../routing/host-router.ts'
import type { RouteRow, RouteTable } from '../routing/route-table.ts'
import { distance } from '../schema/suggestion.ts'

export interface RouteSearch {
  /** The route that answers the request, with its parameters; null when there is none. */
  found: { row: RouteRow; params: Record<string, string | undefined> } | null
  /** Routes whose path matches, with the reason why they do not answer. */
  nearMisses: { row: RouteRow; because: string }[]
}

/**
 * Finds the route of a request, and routes that nearly match it.
 * @param internalTarget  canonical target under its host group
 * @param target          canonical target as the client sees it
 */
export function searchRoute(
  table: RouteTable,
  method: string,
  internalTarget: string,
  target: string,
  headers: IncomingHttpHeaders,
): RouteSearch {
  const pathOf = (text: string) => text.split('?', 1)[0]!
  const found = table.find(method, routerPath(internalTarget), headers)
  // no other route answers on its hosts
  if (isAsIs(internalTarget)) return { found, nearMisses: [] }
  const nearMisses = []
  // a pass-through has a route for each method: show only one of them
  const told = new Set(found === null ? [] : [passThroughOf(found.row)])
  for (const row of table) {
    const passThrough = passThroughOf(row)
    if (row === found?.row || (passThrough !== null && (row.method !== method || told.has(passThrough)))) continue
    const alone = createRouter(ROUTER_OPTIONS as object)
    alone.on('GET', row.path, () => {})
    if (!alone.find('GET', pathOf(target))) continue
    told.add(passThrough)
    nearMisses.push({ row, because: reason(row, method, headers, found?.row) })
  }
  // routes with another method are the least helpful
  nearMisses.sort((a, b) => Number(a.row.method !== method) - Number(b.row.method !== method))
  return { found, nearMisses }
}

/** A key shared by all routes of one pass-through; null for other routes. */
const passThroughOf = ({ file, hosts, upstream, options }: RouteRow): string | null =>
  options.config?.passThrough ? JSON.stringify([file, upstream, hosts]) : null

function reason(row: RouteRow, method: string, headers: IncomingHttpHeaders, winner: RouteRow | undefined): string {
  if (row.method !== method && !(method === 'HEAD' && row.method === 'GET')) return `its method is ${row.method}`
  const host = (headers.host ?? '').toLowerCase().replace(/:\d+$/, '')
  if (
    row.hosts.length > 0 &&
    !row.hosts.some((own) => own === host || (own.startsWith('*.') && host.slice(host.indexOf('.')) === own.slice(1)))
  ) {
    return `it answers for ${row.hosts.join(', ')} only`
  }
  if (row.match && !matchesHeaders(row.match, headers)) {
    return `it wants ${Object.entries(row.match)
      .map(([name, value]) => `${name}: ${value}`)
      .join(', ')}`
  }
  return winner === undefined
    ? 'the router did not choose it'
    : `${winner.method} ${winner.hosts.join(',')}${winner.path} is more specific`
}

/** The maximum number of paths shown. */
const MOST = 3
/** Maximum length of a path that is compared: the comparison is quadratic. */
const LONGEST = 200

interface Candidate {
  text: string
  edits: number
  /** Whether the route has the method of the request. */
  fits: boolean
}

/**
 * Routes that the client may have meant when its request matches none, the most similar first.
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
 * The minimum number of edits from a path to one that a pattern matches; null when there are too many for a typing
 * mistake. Parameters match any segment, a wildcard matches any rest.
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
      // an extra slash is a more likely mistake than a missing parameter
      if (given[i] === '') edits += 2
      continue
    }
    const more = distance(given[i]!.toLowerCase(), segment.toLowerCase())
    if (more > slips(given[i]!, segment)) return null
    edits += more
  }
  return edits
}

/** An extra or missing slash, as in `/orders/` and `/v1orders`. */
function slashDistance(path: string, pattern: string): number | null {
  return !/[:*]/.test(pattern) && distance(path.toLowerCase(), pattern.toLowerCase()) === 1 ? 1 : null
}

/** The maximum number of edits that count as a typing mistake: one per three characters. */
const slips = (one: string, other: string): number => Math.max(1, Math.floor(Math.min(one.length, other.length) / 3))
