import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'

/** Headers (lower case) that must all have exactly these values. */
export type HeaderMatch = Readonly<Record<string, string>>

export const matchesHeaders = (match: HeaderMatch, headers: IncomingHttpHeaders): boolean => {
  for (const name in match) if (headers[name] !== match[name]) return false
  return true
}

/**
 * Route constraint `headers` of the router (find-my-way): of the routes on one method and path, the ones whose
 * headers match come first, the one without conditions last. Costs nothing while no route uses it.
 */
export const headerConstraint = {
  name: 'headers',
  mustMatchWhenDerived: false,
  storage() {
    const entries: { match: HeaderMatch; routes: number }[] = []
    return {
      // the router also calls this with a route's own condition, to find routes with the same one
      get(value: IncomingHttpHeaders | HeaderMatch): number {
        let routes = 0
        for (const entry of entries) {
          if (entry.match === value || matchesHeaders(entry.match, value)) routes |= entry.routes
        }
        return routes
      },
      set(match: HeaderMatch, routes: number): void {
        const known = entries.find((entry) => entry.match === match)
        if (known) known.routes = routes
        else entries.push({ match, routes })
      },
    }
  },
  deriveConstraint: (request: IncomingMessage) => request.headers,
}

/** Options of every router in the gateway, so that all of them match paths alike. */
export const ROUTER_OPTIONS = {
  caseSensitive: true,
  ignoreTrailingSlash: false,
  ignoreDuplicateSlashes: false,
  maxParamLength: 4096,
  constraints: { headers: headerConstraint },
}
