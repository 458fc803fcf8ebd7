import { BlockList, isIP, isIPv6 } from 'node:net'
import type { KeyedRequest } from './limit-key.ts'
import type { LimitRule } from './limit-schema.ts'

/**
 * Compiles who is not limited; null when everybody is.
 * @throws TypeError, RangeError when an address or network is none
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
