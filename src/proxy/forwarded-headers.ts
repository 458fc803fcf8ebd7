import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { BlockList, isIP, isIPv6, type Socket } from 'node:net'
import {
  type ForwardedElement,
  forwardedElements,
  forwardedHost,
  forwardedNode,
  forwardedPort,
  forwardedPrefix,
  forwardedProto,
  nodeAddress,
} from './forwarded-field.ts'

/**
 * Marks a request as a copy whose answer is thrown away. Services may then do without side effects, so that only a
 * trusted proxy may state it.
 */
export const MIRROR_FIELD = 'x-gatehouse-mirror'

/** Fields in which proxies describe the client. A client's own are removed unless it is a trusted proxy. */
export const FORWARDED_NAMES: readonly string[] = [
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-forwarded-port',
  'x-forwarded-prefix',
  'x-forwarded-by',
  'x-forwarded-server',
  'x-forwarded-scheme',
  'x-forwarded-ssl',
  'x-real-ip',
  'x-original-url',
  'x-rewrite-url',
  'true-client-ip',
  MIRROR_FIELD,
]

const kPeer = Symbol('gatehouse.peer')

/** The other end of a connection. */
interface Peer {
  address: string
  /** The address as a node of `Forwarded` (RFC 7239, section 6). */
  node: string
  trusted: boolean
  proto: 'http' | 'https'
  /** `Host` of the last request. It rarely changes on a connection, so the texts below are kept with it. */
  host: string | null
  /** `Forwarded` of a request with this host. */
  element: string
  /** Scheme and host of a request with this host. */
  origin: string
}

type PeerSocket = Socket & { encrypted?: boolean; [kPeer]?: Peer }

/** Knows the other end of each connection, and writes the headers that describe it to the upstream. */
export class ForwardedHeaders {
  readonly #trusted = new BlockList()
  readonly #trustsNobody: boolean
  readonly #via: string

  /**
   * @param trustProxy  addresses and networks (CIDR) whose own forwarded headers are believed
   * @param via         name of this gateway in `Via` (RFC 9110, section 7.6.3)
   */
  constructor(trustProxy: readonly string[], via: string) {
    this.#trustsNobody = trustProxy.length === 0
    for (const entry of trustProxy) {
      const [address, bits] = entry.split('/') as [string, string?]
      const family = isIPv6(address) ? 'ipv6' : 'ipv4'
      if (bits === undefined) this.#trusted.addAddress(address, family)
      else this.#trusted.addSubnet(address, Number(bits), family)
    }
    this.#via = via
  }

  /** Whether the connection comes from one of the trusted networks. */
  trusts(socket: Socket): boolean {
    return this.#peer(socket).trusted
  }

  /**
   * Moves the statements of a trusted proxy into `X-Forwarded-*` before anything reads them, and removes `Forwarded`.
   *
   * If there is one of `X-Forwarded-For`, `-Proto` and `-Host`, these count, else `Forwarded`. They are never mixed: a
   * proxy that writes one kind often passes on the other as its client has sent it.
   */
  receive({ headers, socket }: IncomingMessage): void {
    if (this.#trustsNobody || !this.#peer(socket).trusted) return
    const { forwarded, 'x-forwarded-for': chain, 'x-forwarded-proto': proto, 'x-forwarded-host': host } = headers
    const { 'x-forwarded-port': port, 'x-forwarded-prefix': prefix } = headers
    if (chain === undefined && proto === undefined && host === undefined) {
      if (forwarded !== undefined) this.#translate(headers, forwardedElements(forwarded) ?? [])
    } else {
      if (proto !== undefined) headers['x-forwarded-proto'] = forwardedProto(String(proto))
      if (host !== undefined) headers['x-forwarded-host'] = forwardedHost(String(host))
    }
    if (forwarded !== undefined) headers.forwarded = undefined
    if (port !== undefined) headers['x-forwarded-port'] = forwardedPort(String(port), text(headers['x-forwarded-host']))
    if (prefix !== undefined) headers['x-forwarded-prefix'] = forwardedPrefix(String(prefix))
  }

  /** Puts the elements of `Forwarded` into `X-Forwarded-*`, that of the nearest proxy last. */
  #translate(headers: IncomingHttpHeaders, elements: readonly ForwardedElement[]): void {
    const addresses = elements.flatMap(({ for: node }) => (node === undefined ? [] : nodeAddress(node)))
    if (addresses.length > 0) headers['x-forwarded-for'] = addresses.join(', ')
    // counted from here, the last element that a trusted proxy has written
    let from = elements.length - 1
    while (from > 0 && this.#isTrusted(nodeAddress(elements[from]!.for ?? ''))) from--
    const believed = elements.slice(Math.max(from, 0))
    const proto = believed.find((element) => element.proto !== undefined)?.proto
    const host = believed.find((element) => element.host !== undefined)?.host
    if (proto !== undefined) headers['x-forwarded-proto'] = forwardedProto(proto)
    if (host !== undefined) headers['x-forwarded-host'] = forwardedHost(host)
  }

  /**
   * Appends `Via`, `Forwarded` (RFC 7239) and the `X-Forwarded-*` that upstreams know.
   * @param prefix  path that was stripped from the target; `''` for none
   */
  append(headers: string[], request: IncomingMessage, prefix: string): void {
    const incoming = request.headers
    const peer = this.#peerOf(request)
    const { proto, element } = peer
    const host = incoming.host ?? ''
    const via = `${request.httpVersion} ${this.#via}`
    headers.push('via', incoming.via ? `${incoming.via}, ${via}` : via)
    if (!peer.trusted) {
      headers.push('x-forwarded-for', peer.address, 'x-forwarded-proto', proto, 'forwarded', element)
      // HTTP/1.0 requests may have no host
      if (host !== '') headers.push('x-forwarded-host', host)
    } else {
      const chain = text(incoming['x-forwarded-for'])
      const publicProto = text(incoming['x-forwarded-proto']) ?? proto
      const publicHost = text(incoming['x-forwarded-host']) ?? host
      const nodes = chain ? chain.split(',').map((node) => forwardedNode(nodeAddress(node))) : []
      headers.push(
        'x-forwarded-for',
        chain ? `${chain}, ${peer.address}` : peer.address,
        'x-forwarded-proto',
        publicProto,
        'forwarded',
        forwardedField([...nodes, peer.node], publicHost, publicProto),
      )
      if (publicHost !== '') headers.push('x-forwarded-host', publicHost)
      const port = text(incoming['x-forwarded-port'])
      if (port !== undefined) headers.push('x-forwarded-port', port)
      if (incoming[MIRROR_FIELD] !== undefined) headers.push(MIRROR_FIELD, '1')
      prefix = (text(incoming['x-forwarded-prefix']) ?? '') + prefix
    }
    if (prefix !== '') headers.push('x-forwarded-prefix', prefix)
  }

  /** Prefix that a trusted proxy has stripped, so that no path of the request has it; `''` for none. */
  outerPrefix({
    headers: { 'x-forwarded-prefix': prefix },
    socket,
  }: Pick<IncomingMessage, 'headers' | 'socket'>): string {
    return prefix !== undefined && this.#peer(socket).trusted ? String(prefix) : ''
  }

  /** Scheme and host of a request, as `append` states them to the upstream. */
  originOf(request: IncomingMessage): string {
    const peer = this.#peerOf(request)
    if (!peer.trusted) return peer.origin
    const { host = '', 'x-forwarded-proto': proto, 'x-forwarded-host': publicHost } = request.headers
    return originOf(text(proto) ?? peer.proto, text(publicHost) ?? host)
  }

  /**
   * What else of the client the upstream sees and may answer by: a part of the cache key. It contains the host as it is
   * spelled, unless that is in lower case, since a signature may cover the spelling.
   * @param preserveHost  whether the upstream gets `Host` as it came
   */
  variantOf(request: IncomingMessage, preserveHost: boolean): string {
    const { host = '', 'x-forwarded-host': stated } = request.headers
    if (this.#trustsNobody || !this.#peer(request.socket).trusted) return isLower(host) ? '' : `${host}\n\n\n\n`
    const { 'x-forwarded-port': port = '', 'x-forwarded-prefix': prefix = '' } = request.headers
    const publicHost = text(stated) ?? host
    const spelled = isLower(publicHost) ? '' : publicHost
    const shown = preserveHost && stated !== undefined ? host : ''
    return spelled === '' && shown === '' && port === '' && prefix === ''
      ? ''
      : `${spelled}\n${shown}\n${String(port)}\n${String(prefix)}\n`
  }

  #peer(socket: PeerSocket): Peer {
    socket[kPeer] ??= this.#describe(socket)
    return socket[kPeer]
  }

  /** The peer, with the texts for this request. */
  #peerOf({ socket, headers: { host = '' } }: IncomingMessage): Peer {
    const peer = this.#peer(socket)
    if (peer.host !== host) {
      peer.host = host
      peer.element = forwardedField([peer.node], host, peer.proto)
      peer.origin = originOf(peer.proto, host)
    }
    return peer
  }

  #isTrusted(address: string): boolean {
    const version = isIP(address)
    return version !== 0 && this.#trusted.check(address, version === 6 ? 'ipv6' : 'ipv4')
  }

  #describe({ remoteAddress: remote = '', encrypted = false }: PeerSocket): Peer {
    const address = remote.startsWith('::ffff:') && isIP(remote.slice(7)) === 4 ? remote.slice(7) : remote
    return {
      address,
      node: forwardedNode(address) || 'unknown',
      trusted: this.#isTrusted(address),
      proto: encrypted ? 'https' : 'http',
      host: null,
      element: '',
      origin: '',
    }
  }
}

/**
 * A `Forwarded` field. Host and scheme of the client stand in the first element only, so that readers of the first, the
 * last or any element find the same.
 */
const forwardedField = ([first, ...others]: readonly string[], host: string, proto: string): string =>
  [`for=${first};${host === '' ? '' : `host="${host}";`}proto=${proto}`, ...others.map((node) => `for=${node}`)].join(
    ', ',
  )

const originOf = (proto: string, host: string): string => `${proto}://${host.toLowerCase()}`

const isLower = (host: string): boolean => host === host.toLowerCase()

const text = (value: string | string[] | undefined): string | undefined =>
  value === undefined ? undefined : String(value)
