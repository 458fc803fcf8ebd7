import { hash } from 'node:crypto'
import type { FastifyContextConfig, FastifyRequest } from 'fastify'
import type { LimitBy, LimitRule } from './limit-schema.ts'
import { isIPv4, isIPv6, BlockList, isIP } from 'node:net'

/** The parts of a request that its key can be made of. */
export type KeyedRequest = Pick<FastifyRequest, 'ip' | 'headers' | 'method' | 'routeOptions'> & {
  consumer: { id: string; groups: readonly string[] } | null
}

/** Longest key that a function may return before it is hashed. */
const LONGEST = 128

/**
 * Compiles `by`: requests with the same key are counted together. A prefix keeps the kinds of keys apart: `c:` consumer,
 * `a:` address, `g:` group, `r:` route, `h:` hash of a header, `f:` text of a function.
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

/** A header is hashed, since the client decides how long it is, and since it may be a secret. */
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

/** One key for each route. HEAD counts as GET. */
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

/**
 * The key of an address. IPv6 is cut to its first 64 bits, since one customer has all addresses below them (RFC 6177).
 * IPv4 stays as it is, also inside IPv6: IPv4-mapped (RFC 4291, section 2.5.5.2), translated (64:ff9b::/96, RFC 6052) or
 * 6to4 (2002::/16, RFC 3056). A port, which some proxies add, is removed. Text that is not an address stays as it is.
 */
export function addressKey(address: string): string {
  if (isIPv4(address)) return address
  if (!isIPv6(address)) {
    const [, bracketed, plain] = /^(?:\[([^\]]*)\](?::\d+)?|([^:]*):\d+)$/.exec(address) ?? []
    const bare = bracketed ?? plain
    return bare === undefined || bare === '' ? String(address) : addressKey(bare)
  }
  const groups = expand(address.split('%', 1)[0]!)
  if (startsWith(groups, MAPPED) || startsWith(groups, TRANSLATED)) {
    return dotted(groups[6]!, groups[7]!)
  }
  if (groups[0] === 0x2002) return dotted(groups[1]!, groups[2]!)
  return `${groups
    .slice(0, 4)
    .map((group) => group.toString(16))
    .join(':')}::/64`
}

const dotted = (high: number, low: number): string => [high >> 8, high & 0xff, low >> 8, low & 0xff].join('.')

const MAPPED = [0, 0, 0, 0, 0, 0xffff]
const TRANSLATED = [0x64, 0xff9b, 0, 0, 0, 0]
const startsWith = (groups: readonly number[], prefix: readonly number[]): boolean =>
  prefix.every((group, i) => groups[i] === group)

/** The eight groups of an IPv6 address. */
function expand(address: string): number[] {
  const dotted = address.replace(
    /(\d+)\.(\d+)\.(\d+)\.(\d+)$/,
    (_, a, b, c, d) => `${((+a << 8) | +b).toString(16)}:${((+c << 8) | +d).toString(16)}`,
  )
  const [head = '', tail] = dotted.split('::')
  const parse = (text: string) => (text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16)))
  const left = parse(head)
  if (tail === undefined) return left
  const right = parse(tail)
  return [...left, ...Array.from({ length: 8 - left.length - right.length }, () => 0), ...right]
}

/**
 * Compiles `except`: whether a request is exempt from a limit. Null when none is.
 * @throws TypeError, RangeError when an address or network is invalid
 */
export function exemption(except: LimitRule['except']): ((request: KeyedRequest) => boolean) | null {
  if (except === undefined) return null
  const { addresses = [], consumers = [] } = except
  const ids = new Set(consumers)
  const list = new BlockList()
  for (const address of addresses) add(list, address)
  return ({ ip, consumer }) =>
    (consumer !== null && ids.has(consumer.id)) ||
    (addresses.length > 0 && isIP(ip) !== 0 && list.check(ip, isIPv6(ip) ? 'ipv6' : 'ipv4'))
}

function add(list: BlockList, text: string): void {
  const [address, bits, ...rest] = text.split('/') as [string, ...string[]]
  const family = isIPv6(address) ? 'ipv6' : 'ipv4'
  if (rest.length > 0 || (bits !== undefined && !/^\d{1,3}$/.test(bits))) throw new TypeError(text)
  if (bits === undefined) list.addAddress(address, family)
  else list.addSubnet(address, Number(bits), family)
}
