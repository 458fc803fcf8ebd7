import { connect, isIP, type LookupFunction } from 'node:net'
import { buildConnector, type Client } from 'undici'
import type { TlsMaterial } from './target-tls.ts'

/** How connections to a target are made. */
export interface DialSettings {
  /** Scheme, host and port. */
  readonly origin: string
  /** Path of a unix socket to connect to instead. */
  readonly socket: string | undefined
  /** Addresses of the host; undefined when they are looked up at each connection. */
  readonly addresses: readonly string[] | undefined
  /** Null for the defaults of https. */
  readonly tls: TlsMaterial | null
  readonly http2: boolean | 'prior-knowledge'
  /** Milliseconds until a connection must be made, TLS included. */
  readonly connectTimeout: number
  /** Milliseconds until a response must begin, unless the request states another time. */
  readonly firstByte: number
  /** Finds the addresses of a name; undefined for the system's resolver. */
  readonly lookup: ((name: string) => Promise<string[]>) | undefined
}

/** Options of an undici client that makes such connections. */
export function clientOptions(
  { origin, socket, addresses, tls, connectTimeout, lookup, ...dial }: DialSettings,
  http2 = dial.http2,
): Client.Options {
  const useH2c = http2 === 'prior-knowledge'
  const { hostname } = new URL(origin)
  const connector = buildConnector({
    timeout: connectTimeout,
    socketPath: socket,
    allowH2: http2 !== false,
    preferH2: http2 === true,
    // stated, since NODE_TLS_REJECT_UNAUTHORIZED would switch it off else
    rejectUnauthorized: tls?.verify ?? true,
    ...(tls?.context ? { secureContext: tls.context } : {}),
    ...lookupOption(addresses, lookup),
    ...(useH2c ? { useH2c } : {}),
  })
  // an address has no SNI (RFC 6066, section 3); the certificate is checked against it all the same
  const servername = tls?.serverName ?? (isIP(bare(hostname)) ? '' : hostname)
  const options = {
    connect: (given: buildConnector.Options, callback: buildConnector.Callback) =>
      connector({ ...given, servername }, callback),
    allowH2: http2 !== false,
  }
  return useH2c ? ({ ...options, useH2c } as Client.Options) : options
}

/** Resolves when a connection to the address or socket is made. */
export function reach({ origin, socket, addresses, lookup }: DialSettings, signal: AbortSignal): Promise<void> {
  const { hostname, port, protocol } = new URL(origin)
  const place =
    socket === undefined
      ? {
          host: bare(hostname),
          port: Number(port || (protocol === 'https:' ? 443 : 80)),
          ...lookupOption(addresses, lookup),
        }
      : { path: socket }
  return new Promise((resolve, reject) => {
    const connection = connect({ ...place, signal })
    connection.once('connect', () => {
      connection.destroy()
      resolve()
    })
    connection.once('error', (error) => reject(signal.aborted ? (signal.reason as Error) : error))
  })
}

/** A host without the brackets of IPv6. */
const bare = (hostname: string): string => hostname.replace(/^\[|\]$/g, '')

function lookupOption(
  addresses: DialSettings['addresses'],
  lookup: DialSettings['lookup'],
): { lookup?: LookupFunction } {
  if (addresses !== undefined) return { lookup: inTurn(addresses) }
  return lookup === undefined ? {} : { lookup: asked(lookup) }
}

/** Rotates the addresses: each new connection tries another one first. */
function inTurn(addresses: readonly string[]): LookupFunction {
  const found = addresses.map((address) => ({ address, family: isIP(address) }))
  let first = 0
  return (_name, options, callback) => {
    const order = [...found.slice(first), ...found.slice(0, first)]
    first = (first + 1) % found.length
    if (options.all) callback(null, order)
    else callback(null, order[0]!.address, order[0]!.family)
  }
}

function asked(lookup: (name: string) => Promise<string[]>): LookupFunction {
  return (name, options, callback) => {
    lookup(name)
      .then((addresses) => inTurn(addresses)(name, options, callback))
      .catch((error) => callback(error, []))
  }
}
