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

/** A route, and where it stands. */
interface Guarded {
  options: RouteOptions
  methods: readonly string[]
  /** Internal prefix of its host group; `''` for every host. */
  level: string
  path: string
  file: string
  patterns: LooseSegment[][]
  /** What takes what nobody has stated: a pass-through or a not-found handler. Null for the others. */
  rest: 'pass-through' | 'not-found' | null
  /** The routes whose place it must not take, with what they ask for. */
  rivals: Map<Guarded, ContractPart[]>
  /** Whether a path that has one reading only can fall to a rival. */
  always: boolean
  /** Whether its rivals differ by taking no WebSocket alone: other requests are not looked at. */
  upgradesOnly: boolean
}

/** The routes of one pattern. */
type Place = Guarded[]

/**
 * Why a request is refused: the route that it may mean, what that route asks for, and the methods of the path when it
 * has others only.
 */
export interface Refusal {
  code: 'GW_NOT_FOUND' | 'GW_METHOD_NOT_ALLOWED'
  route: string
  file: string
  parts: ContractPart[]
  otherMethods: readonly string[] | null
}

/**
 * Refuses requests that would go round what a route asks for. A parameter, a wildcard or a pass-through also takes
 * paths that a service may read as those of another route (`/Admin`, `/admin/`, `/%40me`), and methods that this route
 * does not have. When the other route is more specific and asks for more, the request is answered 404 or 405.
 *
 * Routes that no such route stands beside have no hook. A route with a fixed path is never refused, nor one of two
 * methods of one pattern: both were stated.
 */
export class ContractGuard {
  readonly #hostPrefixes: (host: string) => readonly string[] | null
  readonly #routes = new Map<RouteOptions, Guarded>()
  readonly #trees = new Map<string, PatternTree<Place>>()

  /**
   * @param hostPrefixes  the host groups that a `Host` header belongs to, those first that win; null when it is not
   *   valid
   */
  constructor(hostPrefixes: (host: string) => readonly string[] | null) {
    this.#hostPrefixes = hostPrefixes
  }

  /** Notes a route when it is registered, in whatever file; or the not-found handler of a plugin. */
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

  /**
   * Finds the routes that need a guard and gives them a hook; once every route is there, before Fastify composes its
   * hooks.
   */
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

  /** What a route leaves to others, in words. */
  leaves(options: RouteOptions): { route: string; file: string; parts: ContractPart[] }[] {
    return [...(this.#routes.get(options)?.rivals ?? [])].map(([rival, parts]) => ({
      route: nameOf(rival),
      file: rival.file,
      parts,
    }))
  }

  /** Every route that leaves more than WebSockets to routes of other files, or passes through what is not declared. */
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
   * Whether a service that decodes separators before it routes, or takes path parameters (`;`) away, would take a
   * request for that of another route. An encoded slash is often a part of an identifier. So of a route whose text does
   * not come from the decoding (`/:scope/:name`), nor stands at its end, only the authentication counts. A path
   * parameter is none: with one, everything counts.
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
   * @param decoded  places of the segments that an encoded separator has made; null compares whatever the segments come
   *   from
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
    // the router has looked at encoded separators of the other routes before
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

  /** The patterns that count on the host of a request. */
  #levels({ host = '' }: IncomingHttpHeaders): PatternTree<Place>[] {
    return [...(this.#hostPrefixes(host) ?? []), ''].flatMap((level) => this.#trees.get(level) ?? [])
  }

  #findRivals(route: Guarded): void {
    if (route.rest === null && route.patterns.every((pattern) => pattern.every(({ kind }) => kind === 'text'))) return
    for (const [level, tree] of this.#trees) {
      // routes for every host come after those of a host
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
    // the router asks a not-found handler last, whatever its pattern
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

/** GET answers HEAD where nothing else does. */
const hasMethod = ({ methods }: Guarded, method: string, place: Place): boolean =>
  methods.includes(method) ||
  (method === 'HEAD' && methods.includes('GET') && !place.some((other) => other.methods.includes('HEAD')))

/**
 * The routes of a place that a request would reach if its path were written as theirs: those with the most conditions
 * go first.
 */
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

/** Whether a request that reached `route` may mean one of this place, and would have been asked for more there. */
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
  // who may call is asked whatever the method; for the rest, a method that has no route has no rules
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

/** The order in which the router asks what stands at one place of a pattern. */
const rank = (segment: LooseSegment | undefined): number =>
  segment === undefined ? 0 : segment.kind === 'text' ? 1 : segment.kind === 'wildcard' ? 4 : segment.plain ? 3 : 2

/** Whether the router would prefer the first pattern for a path that both take. */
function isMoreSpecific(first: readonly LooseSegment[], second: readonly LooseSegment[]): boolean {
  for (let i = 0; i < Math.max(first.length, second.length); i++) {
    const difference = rank(first[i]) - rank(second[i])
    if (difference !== 0) return difference < 0
  }
  return false
}
