import { reasonOf } from '../../errors.ts'
import type { IdentityClient } from '../identity-client.ts'

/** Fetches the document of an issuer that holds its keys. Rejects when there is none. */
export type FetchKeys = () => Promise<unknown>

type Client = Pick<IdentityClient, 'ask'>

/** Fetches a JWK Set (RFC 7517) from where it is. */
export const fetchJwkSet =
  (url: URL, client: Client): FetchKeys =>
  () =>
    fetchJson(url, client)

/**
 * Fetches the JWK Set that the metadata of an issuer names (OpenID Connect Discovery 1.0, section 4). They are read
 * anew each time, since an issuer may move its keys.
 * @param issuer  exactly as the metadata must state it, lest one issuer passes for another
 */
export function discoverJwkSet(issuer: URL, name: string, client: Client): FetchKeys {
  const metadataUrl = new URL(`${issuer.href.replace(/\/$/, '')}/.well-known/openid-configuration`)
  return async () => {
    const metadata = await fetchJson(metadataUrl, client)
    const { issuer: stated, jwks_uri: jwksUri } = Object(metadata) as Record<string, unknown>
    if (stated !== name) throw new Error(`${metadataUrl.href} is of another issuer: ${shown(stated)}`)
    const url = typeof jwksUri === 'string' ? URL.parse(jwksUri) : null
    if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '') {
      throw new Error(`${metadataUrl.href} has no jwks_uri that is a URL: ${shown(jwksUri)}`)
    }
    if (url.protocol === 'http:' && issuer.protocol === 'https:') {
      throw new Error(`${metadataUrl.href} names keys that are not protected by TLS: ${shown(jwksUri)}`)
    }
    return fetchJson(url, client)
  }
}

async function fetchJson(url: URL, client: Client): Promise<unknown> {
  // without the query, which may hold a secret
  const place = url.origin + url.pathname
  const { status, body } = await client
    .ask(url, { method: 'GET', headers: ['accept', 'application/json, application/jwk-set+json'] })
    .catch((error: unknown) => {
      throw new Error(`${place} cannot be fetched: ${reasonOf(error)}`)
    })
  if (status !== 200) throw new Error(`${place} answered ${status}`)
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    throw new Error(`${place} answered something that is not JSON`)
  }
}

const shown = (value: unknown): string => (JSON.stringify(value) ?? 'nothing').slice(0, 200)
