import type { DialSettings } from './dial.ts'
import type { SrvTarget, UrlTarget } from './target-schema.ts'
import type { TlsMaterial } from './target-tls.ts'

/** The settings of a target, with every name looked up. */
export interface TargetSettings {
  /** Settings with the same id are the same target. */
  readonly id: string
  /** Scheme, host and port; what `Location` headers are compared with. */
  readonly origin: string
  /** Path before every forwarded path, without a slash at its end. */
  readonly basePath: string
  /** Value of `Host`. */
  readonly host: string
  readonly weight: number
  readonly priority: number
  readonly maxConnections: number
  readonly version: string | undefined
  readonly dial: DialSettings
}

/** A place of a declared target. */
export interface TargetPlace {
  /** URL without the path. */
  origin: string
  /** Its addresses, if they are known. */
  addresses?: readonly string[]
  /** Whether each address is a target by itself. */
  byAddress?: boolean
  weight?: number
  priority?: number
}

/** Settings of connections that do not depend on the place. */
export interface DialParts {
  tls: TlsMaterial | null
  /** Milliseconds until a connection must be made. */
  connectTimeout: number
  /** Milliseconds until a response must begin. */
  firstByte: number
  /** Finds unknown addresses; undefined for the system's resolver. */
  lookup?: (name: string) => Promise<string[]>
}

/** SRV records have larger weights, and a target of weight 0 would never be chosen. */
const MOST_WEIGHT = 1000

export function schemeOf(entry: UrlTarget | SrvTarget): 'http:' | 'https:' {
  if ('url' in entry) return entry.url.startsWith('https:') ? 'https:' : 'http:'
  return (entry.scheme ?? (entry.srv.toLowerCase().startsWith('_https.') ? 'https' : 'http')) === 'https'
    ? 'https:'
    : 'http:'
}

/** URL and socket of a declared target. */
export function addressOf({ url, socket }: UrlTarget): { url: URL; socket: string | undefined } {
  if (!url.startsWith('unix:')) return { url: new URL(url), socket }
  return { url: new URL('http://localhost'), socket: url.slice('unix:'.length).replace(/^\/+/, '/') }
}

/** Why a target does not fit an upstream with as-is paths; null when it does. */
export const pathMistake = (entry: UrlTarget | SrvTarget): string | null =>
  'url' in entry && URL.canParse(entry.url) && addressOf(entry).url.pathname !== '/'
    ? `found "${entry.url}", allowed with paths: 'as-is': a URL without a path, below which dot segments would not stay`
    : null

/** A declared target at one of its places. */
export function targetSettings(
  entry: UrlTarget | SrvTarget,
  place: TargetPlace,
  { tls, connectTimeout, firstByte, lookup }: DialParts,
): TargetSettings {
  const { url, socket } = 'url' in entry ? addressOf(entry) : { url: new URL(place.origin), socket: undefined }
  const basePath = url.pathname.replace(/\/+$/, '')
  const { origin, addresses, byAddress = false } = place
  const { weight = 1, priority = 0 }: { weight?: number; priority?: number } = 'url' in entry ? entry : place
  return {
    id: idOf(origin, basePath, socket, byAddress ? addresses![0] : undefined),
    origin,
    basePath,
    host: url.host,
    weight: Math.min(Math.max(weight, 1), MOST_WEIGHT),
    priority,
    maxConnections: entry.maxConnections ?? Infinity,
    version: entry.version,
    dial: { origin, socket, addresses, tls, http2: entry.http2 ?? false, connectTimeout, firstByte, lookup },
  }
}

function idOf(origin: string, basePath: string, socket: string | undefined, address: string | undefined): string {
  if (socket !== undefined) return `unix:${socket}${basePath}`
  if (address === undefined) return origin + basePath
  const url = new URL(origin)
  url.hostname = address.includes(':') ? `[${address}]` : address
  return url.origin + basePath
}
