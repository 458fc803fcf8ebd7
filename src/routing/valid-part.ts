import type { Mistake } from '../config/schema-check.ts'
import { closest } from '../schema/suggestion.ts'
import {
  isObject,
  type RouteDeclaration,
  type TargetDeclaration,
  UpstreamDeclaration,
} from '../upstream/declaration-schema.ts'

/** A declaration without what is wrong in it. Places in lists stay as they are: what is wrong there is undefined. */
export interface ValidPart extends Partial<Omit<UpstreamDeclaration, 'routes' | 'targets'>> {
  routes: (RouteDeclaration | undefined)[]
  targets: (TargetDeclaration | undefined)[]
  /** Whether the upstream says who may call, though it may be mistyped. */
  statesAuth: boolean
  /** Whether it is known which routes there are. */
  reachKnown: boolean
  /** Whether it is known under which hosts and prefix the routes are. */
  placeKnown: boolean
}

type Fields = Record<string, unknown>

const KEYS: ReadonlySet<string | number> = new Set(Object.keys(UpstreamDeclaration.properties))
/** With one of these wrong, there is no telling which route is meant. */
const ROUTE_ADDRESS: ReadonlySet<string | number> = new Set(['method', 'url', 'match'])
const ROUTE_KEYS: ReadonlySet<string | number> = new Set(
  Object.keys(UpstreamDeclaration.properties.routes.items.properties),
)

/**
 * @param declaration  with its short forms written out
 * @param wrong        where it breaks its schema
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
    // that these are there counts, whatever they say
    if (path[0] !== 'auth' && (path[0] !== 'schema' || path.length === 1)) delete valid[path[0]!]
  }
  return valid as RouteDeclaration
}
