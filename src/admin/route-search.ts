import type { IncomingHttpHeaders } from 'node:http'
import createRouter from 'find-my-way'
import { isAsIs } from '../proxy/as-is-path.ts'
import { matchesHeaders } from '../routing/header-match.ts'
import { routerPath } from '../routing/host-router.ts'
import { ROUTER_OPTIONS } from '../routing/router-options.ts'
import type { RouteRow, RouteTable } from '../routing/route-table.ts'

export interface RouteSearch {
  /** The route that answers, with its parameters; null when none does. */
  found: { row: RouteRow; params: Record<string, string | undefined> } | null
  /** Routes whose path fits, and in words why they do not answer. */
  nearMisses: { row: RouteRow; because: string }[]
}

/**
 * Finds the route of a request, and those that would nearly answer it.
 * @param internalTarget  canonical target under its host group
 * @param target          canonical target as the client means it
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
  // nothing else answers on its hosts
  if (isAsIs(internalTarget)) return { found, nearMisses: [] }
  const nearMisses = []
  // a pass-through has a route for each method, of which one speaks for all
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
  // those of other methods say least
  nearMisses.sort((a, b) => Number(a.row.method !== method) - Number(b.row.method !== method))
  return { found, nearMisses }
}

/** What the routes of one pass-through have in common; null for other routes. */
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
