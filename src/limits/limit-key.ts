import { hash } from 'node:crypto'
import type { FastifyContextConfig, FastifyRequest } from 'fastify'
import { addressKey } from './address-key.ts'
import type { LimitBy } from './limit-schema.ts'

/** What of a request decides whose it is. */
export type KeyedRequest = Pick<FastifyRequest, 'ip' | 'headers' | 'method' | 'routeOptions'> & {
  consumer: { id: string; groups: readonly string[] } | null
}

/** Longest text of a function that is kept as it is. */
const LONGEST = 128

/**
 * Compiles whose requests are counted together into a key with a letter before it, so that none can pass for another:
 * `c:` and a consumer, `a:` an address, `g:` a group, `r:` a route, `h:` the hash of a header, `f:` what a function
 * says.
 */
export function limitKey(by: LimitBy): (request: KeyedRequest) => string {
  if (typeof by === 'function') return (request) => functionKey(by(request as FastifyRequest), request)
  if (typeof by === 'object') return headerKey(by.header.toLowerCase())
  switch (by) {
    case 'address':
      return byAddress
    case 'group':
      return (request) =>
        request.consumer?.groups[0] === undefined ? byConsumer(request) : `g:${request.consumer.groups[0]}`
    case 'route':
      return byRoute()
    default:
      return byConsumer
  }
}

const byAddress = ({ ip }: KeyedRequest): string => `a:${addressKey(ip)}`
const byConsumer = (request: KeyedRequest): string =>
  request.consumer === null ? byAddress(request) : `c:${request.consumer.id}`

/** The hash, since a client decides how long a header is, and since it may be a secret. */
const headerKey =
  (name: string) =>
  (request: KeyedRequest): string => {
    const value = request.headers[name]
    return value === undefined ? byAddress(request) : `h:${digest(String(value))}`
  }

function functionKey(text: unknown, request: KeyedRequest): string {
  if (text === null || text === undefined) return byConsumer(request)
  const key = String(text)
  return key.length > LONGEST ? `f#${digest(key)}` : `f:${key}`
}

const digest = (text: string): string => hash('sha256', text, 'base64url')

/** One count for each route; HEAD is its GET. */
function byRoute(): (request: KeyedRequest) => string {
  const known = new WeakMap<FastifyContextConfig, Map<string, string>>()
  return ({ routeOptions: { config, url = '' }, method }) => {
    let keys = known.get(config)
    if (keys === undefined) known.set(config, (keys = new Map()))
    let key = keys.get(method)
    if (key === undefined) {
      keys.set(
        method,
        (key = `r:${config.upstream ?? ''}:${method === 'HEAD' ? 'GET' : method} ${config.publicUrl ?? url}`),
      )
    }
    return key
  }
}
