import type { IncomingHttpHeaders } from 'node:http'
import createRouter, { type HTTPMethod } from 'find-my-way'
import { matchesHeaders } from '../upstream/header-match.ts'
import { ROUTER_OPTIONS } from '../upstream/host-router.ts'
import type { RouteRow } from '../upstream/route-table.ts'

export interface RouteSearch {
  /** The route that answers, with its parameters; null when none does. */
  found: { row: RouteRow, params: Record<string, string | undefined> } | null
  /** Routes whose path fits, and in words why they do not answer. */
  nearMisses: { row: RouteRow, because: string }[]
}

/**
 * Finds the route of a request with the router and the options that the gateway itself uses.
 * @param internalTarget  canonical target under its host group
 * @param target          canonical target as the client means it
 */
export function searchRoute (rows: readonly RouteRow[], method: string, internalTarget: string, target: string, headers: IncomingHttpHeaders): RouteSearch {
  const pathOf = (text: string) => text.split('?', 1)[0]!
  const router = createRouter(ROUTER_OPTIONS as object)
  for (const row of rows) router.on(row.method as HTTPMethod, row.options.url, { constraints: row.options.constraints ?? {} }, () => {}, row)
  const match = find(router, method, pathOf(internalTarget), headers) ??
    // GET answers HEAD
    (method === 'HEAD' ? find(router, 'GET', pathOf(internalTarget), headers) : null)
  const nearMisses = []
  for (const row of rows) {
    if (row === match?.store) continue
    const alone = createRouter(ROUTER_OPTIONS as object)
    alone.on('GET', row.path, () => {})
    if (!alone.find('GET', pathOf(target))) continue
    nearMisses.push({ row, because: reason(row, method, headers, match?.store) })
  }
  return { found: match && { row: match.store, params: match.params }, nearMisses }
}

function find (router: ReturnType<typeof createRouter>, method: string, path: string, headers: IncomingHttpHeaders): { store: RouteRow, params: Record<string, string | undefined> } | null {
  return router.find(method as HTTPMethod, path, { headers } as object) as never
}

function reason (row: RouteRow, method: string, headers: IncomingHttpHeaders, winner: RouteRow | undefined): string {
  if (row.method !== method && !(method === 'HEAD' && row.method === 'GET')) return `its method is ${row.method}`
  const host = (headers.host ?? '').toLowerCase().replace(/:\d+$/, '')
  if (row.hosts.length > 0 && !row.hosts.some((own) => own === host || (own.startsWith('*.') && host.slice(host.indexOf('.')) === own.slice(1)))) {
    return `it answers for ${row.hosts.join(', ')} only`
  }
  if (row.match && !matchesHeaders(row.match, headers)) {
    return `it wants ${Object.entries(row.match).map(([name, value]) => `${name}: ${value}`).join(', ')}`
  }
  return winner === undefined ? 'the router did not choose it' : `${winner.method} ${winner.path} is more specific`
}
