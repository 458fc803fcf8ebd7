import type { IncomingMessage } from 'node:http'
import { BlockList, isIP, isIPv6, type Socket } from 'node:net'

/** Says that a request is a copy, of whose answer nobody hears. Services may keep their effects to themselves then, so that only a trusted proxy may say it. */
export const MIRROR_FIELD = 'x-gatehouse-mirror'

/** Fields by which proxies tell of the client; a client's own are removed unless it is a trusted proxy. */
export const FORWARDED_NAMES: readonly string[] = [
  'forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-forwarded-port', 'x-forwarded-prefix',
  'x-forwarded-by', 'x-forwarded-server', 'x-forwarded-scheme', 'x-forwarded-ssl', 'x-real-ip', 'x-original-url', 'x-rewrite-url', 'true-client-ip', MIRROR_FIELD,
]

const kPeer = Symbol('gatehouse.peer')

/** Who is at the other end of a connection. */
interface Peer {
  address: string
  /** The address as a node of `Forwarded` (RFC 7239, section 6). */
  node: string
  trusted: boolean
  proto: 'http' | 'https'
  /** As it has asked for it last: nearly all requests of a connection have one host, and what is said of it is made once. */
  host: string | null
  /** What `Forwarded` says of such a request. */
  element: string
  /** Scheme and host of such a request. */
  origin: string
}

type PeerSocket = Socket & { encrypted?: boolean, [kPeer]?: Peer }

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
    const peer = this.#peerOf(request)
    const { proto, element } = peer
    const host = incoming.host ?? ''
    const via = `${request.httpVersion} ${this.#via}`
    headers.push('via', incoming.via ? `${incoming.via}, ${via}` : via)
    if (!peer.trusted) {
      headers.push('x-forwarded-for', peer.address, 'x-forwarded-proto', proto, 'forwarded', element)
      // HTTP/1.0 can come without a host
      if (host !== '') headers.push('x-forwarded-host', host)
    } else {
      const chain = text(incoming['x-forwarded-for'])
      const forwarded = text(incoming.forwarded)
      headers.push(
        'x-forwarded-for', chain ? `${chain}, ${peer.address}` : peer.address,
        'x-forwarded-proto', text(incoming['x-forwarded-proto']) ?? proto,
        'forwarded', forwarded ? `${forwarded}, ${element}` : element)
      const publicHost = text(incoming['x-forwarded-host']) ?? host
      if (publicHost !== '') headers.push('x-forwarded-host', publicHost)
      if (incoming[MIRROR_FIELD] !== undefined) headers.push(MIRROR_FIELD, '1')
    }
    if (prefix !== '') headers.push('x-forwarded-prefix', prefix)
  }

  /** Scheme and host of a request, as `append` tells the upstream of them. */
  originOf (request: IncomingMessage): string {
    const peer = this.#peerOf(request)
    if (!peer.trusted) return peer.origin
    const { host = '', 'x-forwarded-proto': proto, 'x-forwarded-host': publicHost } = request.headers
    return originOf(text(proto) ?? peer.proto, text(publicHost) ?? host)
  }

  /**
   * What a trusted proxy has stated beside the origin, and the upstream may answer by: a part of the keys of stored responses.
   * @param preserveHost  whether the upstream gets `Host` as it came
   */
  variantOf (request: IncomingMessage, preserveHost: boolean): string {
    const { host = '', 'x-forwarded-host': publicHost } = request.headers
    return preserveHost && publicHost !== undefined && this.#peerOf(request).trusted ? `${host}\n` : ''
  }

  #peer (socket: PeerSocket): Peer {
    socket[kPeer] ??= this.#describe(socket)
    return socket[kPeer]
  }

  /** The peer with what is said of this request. */
  #peerOf ({ socket, headers: { host = '' } }: IncomingMessage): Peer {
    const peer = this.#peer(socket)
    if (peer.host !== host) {
      peer.host = host
      peer.element = `for=${peer.node};${host === '' ? '' : `host="${host}";`}proto=${peer.proto}`
      peer.origin = originOf(peer.proto, host)
    }
    return peer
  }

  #describe ({ remoteAddress: remote = '', encrypted = false }: PeerSocket): Peer {
    const address = remote.startsWith('::ffff:') && isIP(remote.slice(7)) === 4 ? remote.slice(7) : remote
    const v6 = isIPv6(address)
    return {
      address,
      node: v6 ? `"[${address}]"` : address || 'unknown',
      trusted: address !== '' && this.#trusted.check(address, v6 ? 'ipv6' : 'ipv4'),
      proto: encrypted ? 'https' : 'http',
      host: null,
      element: '',
      origin: '',
    }
  }
}

const originOf = (proto: string, host: string): string => `${proto}://${host.toLowerCase()}`

const text = (value: string | string[] | undefined): string | undefined => value === undefined ? undefined : String(value)
