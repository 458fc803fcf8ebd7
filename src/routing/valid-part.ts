import type { Mistake } from '../config/schema-check.ts'
import { closest } from '../schema/suggestion.ts'
import {
  isObject,
  type RouteDeclaration,
  type TargetDeclaration,
  UpstreamDeclaration,
} from '../upstream/declaration-schema.ts'

/** The valid part of a declaration. Lists keep their indexes: an invalid element is undefined. */
export interface ValidPart extends Partial<Omit<UpstreamDeclaration, 'routes' | 'targets'>> {
  routes: (RouteDeclaration | undefined)[]
  targets: (TargetDeclaration | undefined)[]
  /** Whether the upstream has an `auth`, even an invalid one. */
  statesAuth: boolean
  /** Whether its set of routes is known. */
  reachKnown: boolean
  /** Whether its hosts and prefix are known. */
  placeKnown: boolean
}

type Fields = Record<string, unknown>

const KEYS: ReadonlySet<string | number> = new Set(Object.keys(UpstreamDeclaration.properties))
/** With one of these invalid, the address of the route is unknown. */
const ROUTE_ADDRESS: ReadonlySet<string | number> = new Set(['method', 'url', 'match'])
const ROUTE_KEYS: ReadonlySet<string | number> = new Set(
  Object.keys(UpstreamDeclaration.properties.routes.items.properties),
)

/**
 * @param declaration  with its short forms expanded
 * @param wrong        its mistakes against the schema
 */
export function validPart(declaration: unknown, wrong: readonly Mistake[]): ValidPart {
  const given = isObject(declaration) ? declaration : {}
  const has = (...start: (string | number)[]): boolean =>
    wrong.some(({ path }) => start.every((step, i) => path[i] === step))
  const known = isObject(declaration) && wrong.every(({ path }) => KEYS.has(path[0]!))
  const valid: Fields = {}
  for (const key of Object.keys(given)) if (KEYS.has(key) && (key === 'auth' || !has(key))) valid[key] = given[key]
  const isWhollyWrong = (key: string): boolean => wrong.some(({ path }) => path.length === 1 && path[0] === key)
  const list = (key: 'routes' | 'targets'): unknown[] =>
    Array.isArray(given[key]) && !isWhollyWrong(key) ? given[key] : []
  return {
    ...valid,
    targets: list('targets').map((target, i) => (has('targets', i) ? undefined : (target as TargetDeclaration))),
    routes: list('routes').map((route, i) =>
      soundRoute(
        route,
        wrong.filter(({ path }) => path[0] === 'routes' && path[1] === i).map(({ path }) => path.slice(2)),
      ),
    ),
    statesAuth: Object.keys(given).some((key) => given[key] !== undefined && closest(key, ['auth']) !== undefined),
    reachKnown: known && !has('passThrough') && !wrong.some(({ path }) => path[0] === 'routes' && path.length === 1),
    placeKnown: known && !has('prefix') && !has('hosts'),
  }
}

function soundRoute(route: unknown, wrong: readonly (readonly (string | number)[])[]): RouteDeclaration | undefined {
  if (wrong.some(([key]) => key === undefined || !ROUTE_KEYS.has(key) || ROUTE_ADDRESS.has(key))) return undefined
  const valid = { ...(route as Fields) }
  for (const path of wrong) {
    // only the presence of these counts
    if (path[0] !== 'auth' && (path[0] !== 'schema' || path.length === 1)) delete valid[path[0]!]
  }
  return valid as RouteDeclaration
}
