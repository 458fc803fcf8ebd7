import { createHmac, type KeyObject, sign as cryptoSign } from 'node:crypto'
import { EventEmitter, once } from 'node:events'
import type { RequestListener } from 'node:http'
import type { TestContext } from 'node:test'
import { startBackend } from '../../support/backend.ts'
import type { KeyPair } from './key-pairs.ts'

const encode = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

/** Signs a header and claims, which may be any JSON text, with a key or secret; the algorithm is that of the header. */
export function signed(key: KeyObject | string | Buffer, header: object | string, claims: object | string): string {
  const input = `${encode(header)}.${encode(claims)}`
  const alg: string = (typeof header === 'string' ? JSON.parse(header) : header).alg
  return `${input}.${signature(key, alg, input).toString('base64url')}`
}

function signature(key: KeyObject | string | Buffer, alg: string, input: string): Buffer {
  const digest = `sha${alg.slice(2)}`
  if (typeof key === 'string' || Buffer.isBuffer(key)) {
    return createHmac(/^HS/.test(alg) ? digest : 'sha256', key)
      .update(input)
      .digest()
  }
  if (alg === 'EdDSA') return cryptoSign(null, Buffer.from(input), key)
  return cryptoSign(digest, Buffer.from(input), {
    key,
    dsaEncoding: 'ieee-p1363',
    ...(alg.startsWith('PS') ? { padding: 6, saltLength: -1 } : {}),
  })
}

/** The public half of a pair, as an issuer publishes it. */
export const jwkOf = ({ publicKey }: KeyPair, more: object = {}): Record<string, unknown> => ({
  ...publicKey.export({ format: 'jwk' }),
  use: 'sig',
  ...more,
})

export const now = (): number => Math.floor(Date.now() / 1000)

/** An issuer with OpenID metadata at `/.well-known/openid-configuration` and keys at `/keys`. */
export interface Issuer {
  url: string
  port: number
  /** What it publishes. */
  keys: Record<string, unknown>[]
  /** Takes the place of its answers while it is set. */
  answer: RequestListener | null
  /** The metadata, where they are not to be the usual ones. */
  metadata: unknown
  /** Paths that were asked for. */
  asked: string[]
  /** Resolves when it is asked the next time. */
  next(): Promise<unknown>
}

export async function startIssuer(t: TestContext, keys: Record<string, unknown>[] = []): Promise<Issuer> {
  const events = new EventEmitter()
  const backend = await startBackend(t, (request, response) => {
    issuer.asked.push(request.url!)
    if (issuer.answer) {
      issuer.answer(request, response)
    } else {
      const content =
        request.url === '/keys'
          ? { keys: issuer.keys }
          : (issuer.metadata ?? { issuer: backend.url, jwks_uri: `${backend.url}/keys` })
      response.end(JSON.stringify(content))
    }
    request.resume()
    events.emit('asked')
  })
  const issuer: Issuer = {
    url: backend.url,
    port: backend.port,
    keys,
    answer: null,
    metadata: undefined,
    asked: [],
    next: () => once(events, 'asked'),
  }
  return issuer
}
