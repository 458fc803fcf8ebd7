import type { IncomingMessage } from 'node:http'
import type { onRequestHookHandler } from 'fastify'
import { withoutParameters } from '../auth/credentials.ts'
import { gatehouseError } from '../errors.ts'
import type { ForwardPlan } from './forward-plan.ts'

/**
 * Path and query for the upstream: a part of the canonical target, without credentials. It is never decoded and encoded
 * again.
 * @param target  internal target
 * @param params  the route's parameters
 */
export function upstreamPath(target: string, params: unknown, plan: ForwardPlan): string {
  if (plan.dropQuery !== null) target = withoutParameters(target, plan.dropQuery)
  if (plan.rewrite !== null) return withQuery(plan.rewrite(params as Record<string, string>, target), target)
  if (plan.stripLength === 0) return target
  const path = target.slice(plan.stripLength)
  return path.charCodeAt(0) === 47 /* / */ ? path : `/${path}`
}

const DOT_SEGMENT = /(?:^|\/)\.{1,2}(?:\/|$)/

/**
 * Compiles `rewritePath`: `/v2/items/:id/*` with the parameters of the route.
 * @param template  path with parameters and a wildcard
 * @param pattern   internal pattern of the route
 * @returns a function from the route's decoded parameters and the canonical target to the path. Parameters are encoded
 *   again, so that none becomes a further segment or a query. The part of the wildcard is copied as it came. A path
 *   with dot segments, which parameters can form together, is refused with 400.
 */
export function compilePathTemplate(
  template: string,
  pattern: string,
): (params: Record<string, string | undefined>, target: string) => string {
  const slashes = pattern.split('/').length - 1
  const [path, query] = template.split(/\?(.*)/s) as [string, string?]
  const expandPath = fill(path, (tail) => tail)
  const expandQuery = query === undefined ? null : fill(query, encodeURIComponent)
  return (params, target) => {
    const tail = afterSlashes(target, slashes)
    const expanded = expandPath(params, tail).replace(/\/{2,}/g, '/')
    if (DOT_SEGMENT.test(expanded)) throw gatehouseError('GW_BAD_PATH')
    return expandQuery === null ? expanded : `${expanded}?${expandQuery(params, tail)}`
  }
}

function fill(
  template: string,
  wildcard: (tail: string) => string,
): (params: Record<string, string | undefined>, tail: string) => string {
  const parts = template.split(/(:[A-Za-z_]\w*|\*)/)
  return (params, tail) =>
    parts
      .map((part, i) =>
        i % 2 === 0 ? part : part === '*' ? wildcard(tail) : encodeURIComponent(params[part.slice(1)] ?? ''),
      )
      .join('')
}

/** The part of a path behind so many slashes: what a wildcard stands for. */
function afterSlashes(target: string, slashes: number): string {
  let from = 0
  for (let i = 0; i < slashes; i++) from = target.indexOf('/', from) + 1
  const query = target.indexOf('?', from)
  return query === -1 ? target.slice(from) : target.slice(from, query)
}

/** An expanded template with the query of the request: behind its own, when it has one. */
export function withQuery(path: string, target: string): string {
  const query = target.indexOf('?')
  if (query === -1) return path
  return path.includes('?') ? `${path}&${target.slice(query + 1)}` : path + target.slice(query)
}

/** Names of the parameters that a template uses, to be checked against the route at boot. */
export const templateParameters = (template: string): string[] =>
  [...template.matchAll(/:([A-Za-z_]\w*)|(\*)/g)].map(([, name, star]) => name ?? star!)

/**
 * Paths that are forwarded byte for byte (`paths: 'as-is'`). Nobody may read such a path but the service: the router is
 * given the internal prefix of the host group with `/` and the query, and the real target takes its place before any
 * other hook of the route.
 */

/** What the internal prefixes of such host groups begin with. No client gets at a path that begins so. */
export const AS_IS = '/.host-as-is-'

/**
 * Control characters, spaces, fragments and, in the path, backslashes are refused as everywhere (RFC 9112, section
 * 3.2).
 */
const SENDABLE = /^\/[^\0-\x20\x7f\\#?]*(?:\?[^\0-\x20\x7f#]*)?$/

const kTarget = Symbol('gatehouse.target')
type Unread = IncomingMessage & { [kTarget]?: string }

/** Whether a target, in origin-form, can be forwarded as it came. */
export const isSendable = (target: string): boolean => SENDABLE.test(target)

/** Whether an internal target is one that nobody reads. */
export const isAsIs = (internal: string): boolean => internal.startsWith(AS_IS)

/** What the router gets for an internal target: the target itself, or what stands for one that nobody reads. */
export function routerTarget(internal: string): string {
  if (!isAsIs(internal)) return internal
  const query = internal.indexOf('?')
  return internal.slice(0, internal.indexOf('/', 1) + 1) + (query === -1 ? '' : internal.slice(query))
}

/** Keeps the target of a request until `showTarget`. @returns what the router gets */
export function hideTarget(request: Unread, internal: string): string {
  request[kTarget] = internal
  return routerTarget(internal)
}

/** The first hook of a route whose paths nobody reads. */
export const showTarget: onRequestHookHandler = ({ raw }: { raw: Unread }, _reply, done) => {
  raw.url = raw[kTarget]
  done()
}
