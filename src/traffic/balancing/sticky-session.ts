import { createHmac, randomBytes } from 'node:crypto'
import { milliseconds } from '../../units.ts'
import type { AttemptWatch, BalancedRequest, Balancer, Candidate } from './balancer.ts'
import type { StickySettings } from './balancer-schema.ts'

/**
 * The default secret. Other processes do not accept cookies signed with it, nor does this one after a restart.
 */
const PROCESS_SECRET = randomBytes(32)
/** Bytes of the signature in the cookie. */
const TOKEN_LENGTH = 16

/** Where the cookies of an upstream are valid. */
export interface StickyScope {
  /** Name of the upstream, so that a token is valid for one upstream only. */
  upstream: string
  /** Public prefix of its routes. */
  path: string
  /** Default: one of the process. */
  secret?: string | Buffer
}

/**
 * Keeps a client with its first target by a cookie. The value is a signature (HMAC-SHA256) of the target's address: it
 * does not reveal the address and cannot be forged. A client with no valid cookie, or whose target is unavailable, gets
 * a target by the policy `others`.
 */
export class StickySession<T extends Candidate> implements Balancer<T> {
  /** Name of the cookie. */
  readonly cookie: string
  readonly #others: Balancer<T>
  readonly #secret: string | Buffer
  readonly #upstream: string
  readonly #attributes: string
  readonly #tokens = new WeakMap<T, string>()

  constructor(
    { cookie, maxAge }: Pick<StickySettings, 'cookie' | 'maxAge'>,
    { upstream, path, secret = PROCESS_SECRET }: StickyScope,
    others: Balancer<T>,
  ) {
    this.cookie = cookie ?? `gatehouse-${upstream}`
    this.#others = others
    this.#secret = secret
    this.#upstream = upstream
    const age = maxAge === undefined ? '' : `; Max-Age=${Math.ceil(milliseconds(maxAge) / 1000)}`
    this.#attributes = `; Path=${path || '/'}${age}; HttpOnly; SameSite=Lax`
  }

  select(candidates: readonly T[], request: BalancedRequest): T {
    const given = cookieValue(request.headers.cookie, this.cookie)
    if (given !== undefined) for (const candidate of candidates) if (this.#token(candidate) === given) return candidate
    return this.#others.select(candidates, request)
  }

  watch(target: T): AttemptWatch | undefined {
    return this.#others.watch?.(target)
  }

  /** The `Set-Cookie` (RFC 6265) for a client of a target; null when the client has the cookie already. */
  setCookie(target: T, { headers, protocol }: Pick<BalancedRequest, 'headers' | 'protocol'>): string | null {
    const token = this.#token(target)
    if (cookieValue(headers.cookie, this.cookie) === token) return null
    return `${this.cookie}=${token}${this.#attributes}${protocol === 'https' ? '; Secure' : ''}`
  }

  #token(target: T): string {
    let token = this.#tokens.get(target)
    if (token === undefined) {
      const signature = createHmac('sha256', this.#secret)
        .update(`gatehouse sticky session\0${this.#upstream}\0${target.id}`)
        .digest()
      token = signature.subarray(0, TOKEN_LENGTH).toString('base64url')
      this.#tokens.set(target, token)
    }
    return token
  }
}

/** The first value of a cookie in a `Cookie` header (RFC 6265, section 5.4); undefined when absent. */
export function cookieValue(header: string | undefined, name: string): string | undefined {
  if (header === undefined) return undefined
  let start = 0
  while (start < header.length) {
    let end = header.indexOf(';', start)
    if (end === -1) end = header.length
    while (header[start] === ' ' || header[start] === '\t') start++
    if (header.startsWith(name, start) && header[start + name.length] === '=') {
      return header.slice(start + name.length + 1, end).trim()
    }
    start = end + 1
  }
  return undefined
}
