import { isIPv4, isIPv6 } from 'node:net'

/**
 * The key under which an address is counted: IPv4 as it is, also when it comes as IPv4-mapped IPv6 (RFC 4291, section
 * 2.5.5.2), from a translator (64:ff9b::/96, RFC 6052) or as 6to4, where one IPv4 address brings 65,536 networks
 * along (2002::/16, RFC 3056); other IPv6 by its first 64 bits, since one customer has all
 * of these (RFC 6177). A port, which some proxies add, is left out. What is no address counts as it is written.
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
