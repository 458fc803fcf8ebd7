import type { IncomingHttpHeaders } from 'node:http'
import type { onRequestHookHandler, RouteOptions } from 'fastify'
import { gatehouseError, type GatehouseError } from '../errors.ts'
import { placeHook } from '../phases.ts'
import { matchesHeaders, type HeaderMatch } from './header-match.ts'
import { shareHosts } from './route-conflicts.ts'
import {
  becomesText,
  isUnusual,
  loosePatterns,
  type LooseSegment,
  looseSegments,
  separatedPath,
  separatedReadings,
} from './loose-path.ts'
import { PatternTree } from './pattern-tree.ts'
import { asksMore, type ContractPart, hasOtherAuth, missingParts, partsMissed } from '../proxy/route-contract.ts'

/** A route with its address. */
interface Guarded {
  options: RouteOptions
  methods: readonly string[]
  /** Internal prefix of its host group; `''` for every host. */
  level: string
  path: string
  file: string
  patterns: LooseSegment[][]
  /** Set for handlers of undeclared paths: a pass-through or a not-found handler. Null for declared routes. */
  rest: 'pass-through' | 'not-found' | null
  /** More specific routes that it must not stand in for, with what they require. */
  rivals: Map<Guarded, ContractPart[]>
  /** Whether even an unambiguous path can belong to a rival. */
  always: boolean
  /** Whether its rivals differ only in accepting no WebSockets, so that other requests need no check. */
  upgradesOnly: boolean
}

/** The routes of one pattern. */
type Place = Guarded[]

/**
 * Why a request is refused: the route that it may mean, what that route requires, and the allowed methods when the path
 * exists with other methods only.
 */
export interface Refusal {
  code: 'GW_NOT_FOUND' | 'GW_METHOD_NOT_ALLOWED'
  route: string
  file: string
  parts: ContractPart[]
  otherMethods: readonly string[] | null
}

/**
 * Refuses requests that would bypass the requirements of a route. A parameter, a wildcard or a pass-through also
 * matches paths that the service may read as another route's (`/Admin`, `/admin/`, `/%40me`), and methods that the
 * other route does not have. When that other route is more specific and requires more, the request gets 404 or 405.
 *
 * Routes without such a neighbour get no hook. A route with a fixed path is never refused, nor is another method of the
 * same pattern: both were declared.
 */
export class ContractGuard {
  readonly #hostPrefixes: (host: string) => readonly string[] | null
  readonly #routes = new Map<RouteOptions, Guarded>()
  readonly #trees = new Map<string, PatternTree<Place>>()

  /**
   * @param hostPrefixes  the host groups of a `Host` header, best match first; null when the header is invalid
   */
  constructor(hostPrefixes: (host: string) => readonly string[] | null) {
    this.#hostPrefixes = hostPrefixes
  }

  /** Records a route, or the not-found handler of a plugin, when it is registered. */
  add(options: RouteOptions, file: string, isNotFound = false): void {
    const { hostPrefix = '', passThrough = false } = options.config ?? {}
    const rest = isNotFound ? 'not-found' : passThrough ? 'pass-through' : null
    const path = options.url.slice(hostPrefix.length)
    this.#routes.set(options, {
      options,
      methods: [options.method].flat(),
      level: hostPrefix,
      path,
      file,
      patterns: loosePatterns(path),
      rest,
      rivals: new Map(),
      always: false,
      upgradesOnly: true,
    })
  }

  /** Gives a hook to the routes that need one. Called when all routes exist, before Fastify composes its hooks. */
  complete(): void {
    for (const route of this.#routes.values()) {
      const tree = this.#trees.get(route.level) ?? this.#trees.set(route.level, new PatternTree()).get(route.level)!
      for (const pattern of route.patterns) {
        const place = tree.at(pattern, () => [])
        if (!place.includes(route)) place.push(route)
      }
    }
    for (const route of this.#routes.values()) {
      this.#findRivals(route)
      if (route.rivals.size === 0) continue
      const hook: onRequestHookHandler = (request, _reply, done) => {
        done(this.#errorFor(route, request.method, request.raw.url!, request.raw.headers))
      }
      // before `admission`: what the guard refuses, no hook or error handler of a plugin may forward
      placeHook(route.options, 'contractGuard', hook)
    }
  }

  /** Describes what a route leaves to other routes. */
  leaves(options: RouteOptions): { route: string; file: string; parts: ContractPart[] }[] {
    return [...(this.#routes.get(options)?.rivals ?? [])].map(([rival, parts]) => ({
      route: nameOf(rival),
      file: rival.file,
      parts,
    }))
  }

  /** Every route that leaves more than WebSockets to routes of other files, and every pass-through. */
  *guarded(): IterableIterator<{ route: string; file: string; leaves: ReturnType<ContractGuard['leaves']> }> {
    for (const route of this.#routes.values()) {
      const leaves = this.leaves(route.options).filter(
        ({ file, parts }) =>
          (file !== route.file || route.rest !== null) && (parts.length > 1 || parts[0] !== 'websocket'),
      )
      if (leaves.length > 0) yield { route: nameOf(route), file: route.file, leaves }
    }
  }

  /**
   * @param target  internal target of a request that the router gives to the route @returns why it is refused; null
   *   when it is not
   */
  refusal(options: RouteOptions, method: string, target: string, headers: IncomingHttpHeaders): Refusal | null {
    const route = this.#routes.get(options)
    return route === undefined || route.rivals.size === 0
      ? null
      : this.#refusal(route, method, pathIn(route, target), headers)
  }

  /**
   * Whether a service that decodes separators before it routes, or removes path parameters (`;`), would read a request
   * as another route's. An encoded slash is often part of an identifier. So when the literal text of the other route
   * neither comes from the decoding (`/:scope/:name`) nor stands at its end, only its authentication counts. A path
   * parameter is never part of an identifier: with one, every requirement counts.
   * @param target  as for `refusal`
   */
  hidesSeparator(options: RouteOptions, method: string, target: string, headers: IncomingHttpHeaders): boolean {
    const route = this.#routes.get(options)
    if (route === undefined) return false
    const path = pathIn(route, target)
    const { readings, decoded } = separatedReadings(path)
    return readings.some((segments) => this.#isAnother(route, decoded, method, segments, headers))
  }

  /**
   * @param decoded  indexes of the segments that decoding a separator has made; null compares all segments
   */
  #isAnother(
    route: Guarded,
    decoded: Set<number> | null,
    method: string,
    segments: readonly string[],
    headers: IncomingHttpHeaders,
  ): boolean {
    const { options } = route
    let isAnother = false
    for (const tree of this.#levels(headers)) {
      const isDecided = tree.find(segments, (place) => {
        if (place.includes(route)) return true
        const same = sameMethod(place, method, headers)
        const isCompared =
          same.length > 0 && (decoded === null || place[0]!.patterns.some((pattern) => becomesText(pattern, decoded)))
        isAnother = (same.length > 0 ? same : place).some(
          (other) =>
            hasOtherAuth(other.options, options) ||
            (isCompared && asksMore(other.options, options, method, headers, decoded === null)),
        )
        return isAnother || same.length > 0
      })
      if (isDecided) break
    }
    return isAnother
  }

  #errorFor(route: Guarded, method: string, target: string, headers: IncomingHttpHeaders): GatehouseError | undefined {
    const path = pathIn(route, target)
    if ((route.upgradesOnly && headers.upgrade === undefined) || (!route.always && !isUnusual(path))) return undefined
    // encoded separators were checked against the other routes before routing
    if (
      route.rest === 'not-found' &&
      separatedPath(path) !== path &&
      this.hidesSeparator(route.options, method, target, headers)
    ) {
      return gatehouseError('GW_BAD_PATH')
    }
    const refusal = this.#refusal(route, method, path, headers)
    return refusal === null
      ? undefined
      : gatehouseError(
          refusal.code,
          refusal.code === 'GW_METHOD_NOT_ALLOWED' ? { headers: { allow: refusal.otherMethods!.join(', ') } } : {},
        )
  }

  #refusal(route: Guarded, method: string, path: string, headers: IncomingHttpHeaders): Refusal | null {
    const segments = looseSegments(path)
    let refusal: Refusal | null = null
    for (const tree of this.#levels(headers)) {
      if (tree.find(segments, (place) => (refusal = refusalOf(place, route, method, path, headers)) !== null)) {
        return refusal
      }
    }
    return null
  }

  /** The patterns that apply to the host of a request. */
  #levels({ host = '' }: IncomingHttpHeaders): PatternTree<Place>[] {
    return [...(this.#hostPrefixes(host) ?? []), ''].flatMap((level) => this.#trees.get(level) ?? [])
  }

  #findRivals(route: Guarded): void {
    if (route.rest === null && route.patterns.every((pattern) => pattern.every(({ kind }) => kind === 'text'))) return
    for (const [level, tree] of this.#trees) {
      // routes for all hosts come after those of one host
      if (route.level !== '' && level === '') continue
      for (const pattern of route.patterns) {
        tree.overlapping(pattern, (place) => {
          for (const rival of place) {
            if (rival !== route && !route.rivals.has(rival) && shareHosts(hostsOf(route), hostsOf(rival))) {
              this.#compare(route, pattern, rival, place)
            }
          }
        })
      }
    }
  }

  #compare(route: Guarded, pattern: LooseSegment[], rival: Guarded, place: Place): void {
    const isSame = place.includes(route)
    // the router tries a not-found handler last, whatever its pattern
    const isBefore = (other: LooseSegment[]): boolean =>
      route.rest === 'not-found' ||
      (route.rest === null ? isMoreSpecific(other, pattern) : !isMoreSpecific(pattern, other))
    if (isSame ? route.rest === null : !rival.patterns.some(isBefore)) return
    const shared = isSame ? undefined : route.methods.find((method) => hasMethod(rival, method, place))
    const parts = new Set<ContractPart>(shared === undefined ? [] : missingParts(rival.options, route.options, shared))
    const others =
      route.rest === 'not-found' ||
      route.methods.some(
        (method) => !place.some((one) => one !== route && hasMethod(one, method, place) && matchOf(one) === undefined),
      )
    const otherAuth = others && hasOtherAuth(rival.options, route.options)
    if (otherAuth) parts.add('auth')
    if (parts.size === 0) return
    route.rivals.set(rival, [...parts])
    route.upgradesOnly &&= parts.size === 1 && parts.has('websocket')
    route.always ||= otherAuth || isUnusual(rival.path.replace(/:\w+/g, ':')) || rival.path.endsWith('/*')
  }
}

function pathIn({ level }: Guarded, target: string): string {
  const end = target.indexOf('?')
  return end === -1 ? target.slice(level.length) : target.slice(level.length, end)
}

const hostsOf = ({ options }: Guarded): readonly string[] => options.config?.hosts ?? []

const nameOf = ({ methods, path, options: { config } }: Guarded): string =>
  `${methods.length > 10 ? '*' : methods.join(',')} ${config?.hosts?.join(',') ?? ''}${path}`

const matchOf = ({ options }: Guarded): HeaderMatch | undefined =>
  (options.constraints as { headers?: HeaderMatch } | undefined)?.headers

/** A GET route answers HEAD when there is no HEAD route. */
const hasMethod = ({ methods }: Guarded, method: string, place: Place): boolean =>
  methods.includes(method) ||
  (method === 'HEAD' && methods.includes('GET') && !place.some((other) => other.methods.includes('HEAD')))

/** The routes of one pattern that match a request if its path is read as theirs, those with most conditions first. */
function sameMethod(place: Place, method: string, headers: IncomingHttpHeaders): Guarded[] {
  let most = 0
  const same = place.filter((route) => {
    const match = matchOf(route)
    if (!hasMethod(route, method, place) || (match !== undefined && !matchesHeaders(match, headers))) return false
    most = Math.max(most, Object.keys(match ?? {}).length)
    return true
  })
  return same.filter((route) => Object.keys(matchOf(route) ?? {}).length === most)
}

/** Whether a request that reached `route` may mean a route of this pattern that would have required more. */
function refusalOf(
  place: Place,
  route: Guarded,
  method: string,
  path: string,
  headers: IncomingHttpHeaders,
): Refusal | null {
  // most places have none
  if (!place.some((rival) => route.rivals.has(rival))) return null
  const same = place.includes(route) ? [] : sameMethod(place, method, headers)
  for (const rival of same) {
    if (!route.rivals.has(rival)) continue
    const parts = partsMissed(rival.options, route.options, method, headers)
    if (parts.length > 0) {
      return { code: 'GW_NOT_FOUND', route: nameOf(rival), file: rival.file, parts, otherMethods: null }
    }
  }
  if (same.length > 0) return null
  // authentication counts for every method; other rules only for methods that have a route
  const rival = place.find((other) => route.rivals.has(other) && hasOtherAuth(other.options, route.options))
  if (rival === undefined) return null
  return {
    code: isUnusual(path) ? 'GW_NOT_FOUND' : 'GW_METHOD_NOT_ALLOWED',
    route: nameOf(rival),
    file: rival.file,
    parts: ['auth'],
    otherMethods: [
      ...new Set(place.flatMap(({ methods }) => (methods.includes('GET') ? [...methods, 'HEAD'] : methods))),
    ],
  }
}

/** The order in which the router tries the kinds of segments at one position. */
const rank = (segment: LooseSegment | undefined): number =>
  segment === undefined ? 0 : segment.kind === 'text' ? 1 : segment.kind === 'wildcard' ? 4 : segment.plain ? 3 : 2

/** Whether the router prefers the first pattern for a path that both match. */
function isMoreSpecific(first: readonly LooseSegment[], second: readonly LooseSegment[]): boolean {
  for (let i = 0; i < Math.max(first.length, second.length); i++) {
    const difference = rank(first[i]) - rank(second[i])
    if (difference !== 0) return difference < 0
  }
  return false
}
