import { BlockList, isIP } from 'node:net'

/** Addresses and networks (CIDR) to look an address up in. */
export class NetworkList {
  readonly #list = new BlockList()

  /** @returns false when the text is neither an address nor a network, such as `10.0.0.0/8` or `2001:db8::/32` */
  add(text: string): boolean {
    const [, address, bits] = /^([^/%]+)(?:\/(\d{1,3}))?$/.exec(text) ?? []
    const version = isIP(address ?? '')
    if (version === 0) return false
    const family = version === 6 ? 'ipv6' : 'ipv4'
    if (bits === undefined) this.#list.addAddress(address!, family)
    else if (Number(bits) <= (version === 4 ? 32 : 128)) this.#list.addSubnet(address!, Number(bits), family)
    else return false
    return true
  }

  /** Whether the address is in one of them; IPv4 also when it comes as IPv4-mapped IPv6. */
  has(address: string): boolean {
    const bare = address.split('%', 1)[0]!
    const version = isIP(bare)
    return version !== 0 && this.#list.check(bare, version === 6 ? 'ipv6' : 'ipv4')
  }
}
