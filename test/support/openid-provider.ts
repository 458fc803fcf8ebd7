import { generateKeyPairSync } from 'node:crypto'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { TestContext } from 'node:test'
import { closedPort } from './backend.ts'

// it brings no types
const { Provider } = (await import('oidc-provider' as string)) as {
  Provider: new (issuer: string, configuration: object) => { callback(): RequestListener }
}

type PrivateJwk = Record<string, unknown> & { kid: string }

/** A fresh signing key with a name. */
export const signingKey = (kid: string): PrivateJwk => ({
  ...generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' }),
  kid,
  alg: 'RS256',
  use: 'sig',
})

const API = {
  client_id: 'api',
  client_secret: 'secret-of-the-api',
  grant_types: ['client_credentials'],
  redirect_uris: [],
  response_types: [],
}
export const AUDIENCE = 'urn:orders'

/** A real OpenID provider on loopback, which can be given other keys, and be away for a while. */
export class OpenIdProvider {
  readonly issuer: string
  readonly #port: number
  readonly #clients: object[]
  #keys: PrivateJwk[]
  #server: Server | null = null

  private constructor(port: number, keys: PrivateJwk[], clients: object[]) {
    this.issuer = `http://127.0.0.1:${port}`
    this.#port = port
    this.#keys = keys
    this.#clients = [API, ...clients]
  }

  static async start(t: TestContext, keys: PrivateJwk[], clients: object[] = []): Promise<OpenIdProvider> {
    const provider = new OpenIdProvider(await closedPort(), keys, clients)
    t.after(() => provider.stop())
    await provider.start()
    return provider
  }

  /** Signs with the first of these keys from now on, and publishes all. */
  async rotate(keys: PrivateJwk[]): Promise<void> {
    this.#keys = keys
    await this.stop()
    await this.start()
  }

  async start(): Promise<void> {
    const provider = new Provider(this.issuer, configuration(this.#keys, this.#clients))
    this.#server = createServer(provider.callback()).listen(this.#port, '127.0.0.1')
    await new Promise((resolve, reject) => this.#server!.once('listening', resolve).once('error', reject))
  }

  async stop(): Promise<void> {
    const server = this.#server
    this.#server = null
    if (server === null) return
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }

  /** An access token for an API, by the client credentials grant (RFC 6749, section 4.4). */
  async accessToken(): Promise<string> {
    const response = await fetch(`${this.issuer}/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa(`${API.client_id}:${API.client_secret}`)}`, connection: 'close' },
      body: new URLSearchParams({ grant_type: 'client_credentials', resource: AUDIENCE, scope: 'orders:read' }),
    })
    const { access_token: token } = (await response.json()) as { access_token: string }
    return token
  }
}

const configuration = (keys: PrivateJwk[], clients: object[]): object => ({
  clients,
  jwks: { keys },
  cookies: { keys: ['a key for the cookies of a provider in tests'] },
  scopes: ['openid', 'profile', 'email', 'offline_access'],
  claims: { openid: ['sub'], profile: ['name', 'groups'], email: ['email'] },
  conformIdTokenClaims: false,
  findAccount: (_context: unknown, id: string) => ({
    accountId: id,
    claims: () => ({
      sub: id,
      name: `${id} of tests`,
      email: `${id}@example.com`,
      groups: id === 'ada' ? ['family'] : [],
    }),
  }),
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: () => ({
        scope: 'orders:read',
        audience: AUDIENCE,
        accessTokenTTL: 3600,
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg: 'RS256' } },
      }),
    },
  },
  ttl: { Session: 3600, Grant: 3600, Interaction: 600, IdToken: 3600, ClientCredentials: 3600, AccessToken: 3600 },
})
