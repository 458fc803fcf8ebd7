import type { IncomingMessage } from 'node:http'
import { BlockList, isIP, isIPv6, type Socket } from 'node:net'

/** Says that a request is a copy, of whose answer nobody hears. Services may keep their effects to themselves then, so that only a trusted proxy may say it. */
export const MIRROR_FIELD = 'x-gatehouse-mirror'

/** Fields by which proxies tell of the client; a client's own are removed unless it is a trusted proxy. */
export const FORWARDED_NAMES: readonly string[] = [
  'forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-forwarded-port', 'x-forwarded-prefix',
  'x-forwarded-by', 'x-forwarded-server', 'x-forwarded-scheme', 'x-forwarded-ssl', 'x-real-ip', 'x-original-url', 'x-rewrite-url', 'true-client-ip', MIRROR_FIELD,
]

interface Peer {
  address: string
  /** The address as a node of `Forwarded` (RFC 7239, section 6). */
  node: string
  trusted: boolean
}

const kPeer = Symbol('gatehouse.peer')

/** Says who is at the other end of a connection, and writes the headers that tell the upstream. */
export class ForwardedHeaders {
  readonly #trusted = new BlockList()
  readonly #via: string

  /**
   * @param trustProxy  addresses and networks (CIDR) whose own forwarded headers are believed
   * @param via         name of this gateway in `Via` (RFC 9110, section 7.6.3)
   */
  constructor (trustProxy: readonly string[], via: string) {
    for (const entry of trustProxy) {
      const [address, bits] = entry.split('/') as [string, string?]
      const family = isIPv6(address) ? 'ipv6' : 'ipv4'
      if (bits === undefined) this.#trusted.addAddress(address, family)
      else this.#trusted.addSubnet(address, Number(bits), family)
    }
    this.#via = via
  }

  /** Whether the connection comes from one of the trusted networks. */
  trusts (socket: Socket): boolean {
    return this.#peer(socket).trusted
  }

  /**
   * Appends `Via`, `Forwarded` (RFC 7239) and the `X-Forwarded-*` that upstreams know.
   * @param prefix  path that was stripped from the target; `''` for none
   */
  append (headers: string[], request: IncomingMessage, prefix: string): void {
    const incoming = request.headers
    const peer = this.#peer(request.socket)
    const host = incoming.host ?? ''
    const proto = (request.socket as { encrypted?: boolean }).encrypted ? 'https' : 'http'
    const via = `${request.httpVersion} ${this.#via}`
    headers.push('via', incoming.via ? `${incoming.via}, ${via}` : via)
    const element = `for=${peer.node};host="${host}";proto=${proto}`
    if (!peer.trusted) {
      headers.push('x-forwarded-for', peer.address, 'x-forwarded-host', host, 'x-forwarded-proto', proto, 'forwarded', element)
    } else {
      const chain = text(incoming['x-forwarded-for'])
      const forwarded = text(incoming.forwarded)
      headers.push(
        'x-forwarded-for', chain ? `${chain}, ${peer.address}` : peer.address,
        'x-forwarded-host', text(incoming['x-forwarded-host']) ?? host,
        'x-forwarded-proto', text(incoming['x-forwarded-proto']) ?? proto,
        'forwarded', forwarded ? `${forwarded}, ${element}` : element)
      if (incoming[MIRROR_FIELD] !== undefined) headers.push(MIRROR_FIELD, '1')
    }
    if (prefix !== '') headers.push('x-forwarded-prefix', prefix)
  }

  /** Scheme and host of a request, as `append` tells the upstream of them. */
  originOf (request: IncomingMessage): string {
    const incoming = request.headers
    const socket = request.socket as Socket & { encrypted?: boolean }
    const isTrusted = this.#peer(socket).trusted
    const proto = (isTrusted ? text(incoming['x-forwarded-proto']) : undefined) ?? (socket.encrypted ? 'https' : 'http')
    return `${proto}://${((isTrusted ? text(incoming['x-forwarded-host']) : undefined) ?? incoming.host ?? '').toLowerCase()}`
  }

  #peer (socket: Socket & { [kPeer]?: Peer }): Peer {
    socket[kPeer] ??= this.#describe(socket.remoteAddress ?? '')
    return socket[kPeer]
  }

  #describe (remote: string): Peer {
    const address = remote.startsWith('::ffff:') && isIP(remote.slice(7)) === 4 ? remote.slice(7) : remote
    const v6 = isIPv6(address)
    return {
      address,
      node: v6 ? `"[${address}]"` : address || 'unknown',
      trusted: address !== '' && this.#trusted.check(address, v6 ? 'ipv6' : 'ipv4'),
    }
  }
}

const text = (value: string | string[] | undefined): string | undefined => value === undefined ? undefined : String(value)
