import type { IncomingMessage } from 'node:http'
import type { onRequestHookHandler } from 'fastify'

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
