import { isIPv4, isIPv6 } from 'node:net'

/** The element of one proxy (RFC 7239, section 4). Names are in lower case. */
export type ForwardedElement = Partial<Record<string, string>>

/** A parameter and its end. Addresses should be quoted, and often are not. */
const PARAMETER = /[ \t]*([\w!#$%&'*+.^`|~-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s",;]+))[ \t]*(?:([;,])|$)/y

/** The elements of a `Forwarded` field, that of the nearest proxy last; null for a field that is not valid. */
export function forwardedElements(value: string): ForwardedElement[] | null {
  const elements: ForwardedElement[] = []
  let element: ForwardedElement = Object.create(null)
  let isOpen = true
  for (let at = 0; isOpen; at = PARAMETER.lastIndex) {
    PARAMETER.lastIndex = at
    const [, name, quoted, token, end] = PARAMETER.exec(value) ?? []
    // section 4: each parameter once at most
    if (name === undefined || element[name.toLowerCase()] !== undefined) return null
    element[name.toLowerCase()] = token ?? quoted!.replace(/\\(.)/gs, '$1')
    isOpen = end !== undefined
    if (end === ';') continue
    elements.push(element)
    element = Object.create(null)
  }
  return elements
}

/**
 * The address in a node of `Forwarded` or an entry of `X-Forwarded-For`, without its port; the name of a hidden node,
 * or `unknown` (section 6).
 */
export function nodeAddress(node: string): string {
  const text = node.trim()
  const bare = /^\[([^\]]+)\](?::\w+)?$/.exec(text)?.[1] ?? /^(\d+\.\d+\.\d+\.\d+):\w+$/.exec(text)?.[1] ?? text
  return isIPv4(bare) || isIPv6(bare) || /^_[\w.-]+$/.test(bare) ? bare : 'unknown'
}

/** An address as a node of `Forwarded`. */
export const forwardedNode = (address: string): string => (isIPv6(address) ? `"[${address}]"` : address)

/** The last of several values: that of the nearest proxy. */
const lastOf = (values: string): string =>
  values
    .slice(values.lastIndexOf(',') + 1)
    .trim()
    .toLowerCase()

/** The scheme that a proxy has stated; undefined when it is neither http nor https. */
export function forwardedProto(values: string): 'http' | 'https' | undefined {
  switch (lastOf(values)) {
    case 'https':
    case 'wss':
      return 'https'
    case 'http':
    case 'ws':
      return 'http'
    default:
      return undefined
  }
}

const HOST = /^(?:[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_.])?|\[[0-9a-f:.]+\])(?::\d{1,5})?$/

/** The host that a proxy has stated; undefined when it is invalid. */
export function forwardedHost(values: string): string | undefined {
  const host = lastOf(values)
  return HOST.test(host) ? host : undefined
}

/** The port that a proxy has stated; undefined when it is invalid, or differs from that of the host. */
export function forwardedPort(values: string, host: string | undefined): string | undefined {
  const port = lastOf(values)
  if (!/^[1-9]\d{0,4}$/.test(port) || Number(port) > 65535) return undefined
  const [, stated = port] = /:(\d+)$/.exec(host ?? '') ?? []
  return stated === port ? port : undefined
}

/** Longest prefix that is accepted. Characters. */
const LONGEST_PREFIX = 1000
const PREFIX = /^(?:\/[A-Za-z0-9._~!$&'()*+=:@-]+)+$/
const DOT_SEGMENT = /\/\.{1,2}(?:\/|$)/

/** The prefixes that proxies have stripped, joined, the outermost first; undefined when one is no path. */
export function forwardedPrefix(values: string): string | undefined {
  const prefix = values
    .split(',')
    .map((value) => value.trim().replace(/\/$/, ''))
    .join('')
  return prefix.length <= LONGEST_PREFIX && PREFIX.test(prefix) && !DOT_SEGMENT.test(prefix) ? prefix : undefined
}
