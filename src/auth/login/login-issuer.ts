import * as oidc from 'openid-client'
import { milliseconds } from '../../units.ts'
import { authUnavailable } from '../challenge.ts'
import type { LoginSettings } from './login-schema.ts'

/** Milliseconds after a failed discovery before the next attempt. */
const COOLDOWN = 1000

/** The values that tie the answer of the issuer to the login. */
export interface LoginChecks {
  state: string
  nonce: string
  verifier: string
}

/** The answer of the issuer to a login or a refresh. */
export interface IssuerAnswer {
  /** Claims of ID token and UserInfo; null when a refresh returned neither. */
  claims: Record<string, unknown> | null
  scope: string
  refreshToken: string | undefined
  idToken: string | undefined
  /** Lifetime of the access token in seconds; undefined when not stated. */
  expiresIn: number | undefined
}

/** The issuer has ended the session: a new login is needed. */
export class SessionOver extends Error {}

/**
 * The client of the issuer: OpenID Connect with openid-client, authorization code flow with PKCE (RFC 7636). The
 * metadata of the issuer is fetched on first use.
 */
export class LoginIssuer {
  readonly #settings: LoginSettings
  #configuration: Promise<oidc.Configuration> | null = null

  constructor(settings: LoginSettings) {
    this.#settings = settings
  }

  /** The URL at the issuer where a browser logs in. */
  async loginUrl(redirectUri: string, { state, nonce, verifier }: LoginChecks): Promise<URL> {
    const { scopes, authorizationParameters } = this.#settings
    const configuration = await this.#discovered()
    return oidc.buildAuthorizationUrl(configuration, {
      ...authorizationParameters,
      redirect_uri: redirectUri,
      scope: scopes.join(' '),
      state,
      nonce,
      code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
    })
  }

  /**
   * Redeems the authorization code of a callback.
   * @param url  the URL to which the issuer has redirected the browser
   * @throws the error of openid-client for an invalid callback; GatehouseError `GW_AUTH_UNAVAILABLE` when the issuer is
   *   not available
   */
  async finish(url: URL, { state, nonce, verifier }: LoginChecks): Promise<IssuerAnswer> {
    const configuration = await this.#discovered()
    const tokens = await reachable(
      oidc.authorizationCodeGrant(configuration, url, {
        expectedState: state,
        expectedNonce: nonce,
        pkceCodeVerifier: verifier,
        idTokenExpected: true,
      }),
    )
    return this.#answer(configuration, tokens)
  }

  /**
   * @param subject  the `sub` of the session
   * @throws SessionOver when the issuer refuses; GatehouseError `GW_AUTH_UNAVAILABLE` when it is not available
   */
  async refresh(refreshToken: string, subject: string): Promise<IssuerAnswer> {
    const configuration = await this.#discovered()
    try {
      const tokens = await reachable(oidc.refreshTokenGrant(configuration, refreshToken))
      return await this.#answer(configuration, tokens, subject)
    } catch (error) {
      // other errors do not mean that the session is over: the credentials of the gateway may be rejected for a moment
      if (error instanceof oidc.ResponseBodyError && error.error === 'invalid_grant') {
        throw new SessionOver('the issuer has ended the session', { cause: error })
      }
      throw error
    }
  }

  /** The URL at the issuer where a browser logs out; null when the issuer has none. */
  async logoutUrl(idToken: string | null, afterLogout: string | undefined): Promise<URL | null> {
    const configuration = await this.#discovered()
    if (configuration.serverMetadata().end_session_endpoint === undefined) return null
    return oidc.buildEndSessionUrl(configuration, {
      ...(idToken === null ? {} : { id_token_hint: idToken }),
      ...(afterLogout === undefined ? {} : { post_logout_redirect_uri: afterLogout }),
    })
  }

  async #answer(
    configuration: oidc.Configuration,
    tokens: oidc.TokenEndpointResponse & oidc.TokenEndpointResponseHelpers,
    known?: string,
  ): Promise<IssuerAnswer> {
    const idClaims = tokens.claims()
    const subject = idClaims?.sub ?? known!
    if (known !== undefined && subject !== known) {
      throw new SessionOver('the issuer has refreshed the session of somebody else')
    }
    const asked = this.#settings.userInfo && configuration.serverMetadata().userinfo_endpoint !== undefined
    const userInfo = asked ? await reachable(oidc.fetchUserInfo(configuration, tokens.access_token, subject)) : null
    return {
      claims: idClaims === undefined && userInfo === null ? null : { ...userInfo, ...idClaims },
      scope: tokens.scope ?? this.#settings.scopes.join(' '),
      refreshToken: tokens.refresh_token,
      idToken: tokens.id_token,
      expiresIn: tokens.expiresIn(),
    }
  }

  #discovered(): Promise<oidc.Configuration> {
    this.#configuration ??= this.#discover().catch((error: unknown) => {
      setTimeout(() => {
        this.#configuration = null
      }, COOLDOWN).unref()
      throw authUnavailable(error)
    })
    return this.#configuration
  }

  #discover(): Promise<oidc.Configuration> {
    const { issuer, clientId, clientSecret, clientAuth, timeout } = this.#settings
    const authenticate =
      clientSecret === undefined
        ? oidc.None()
        : clientAuth === 'post'
          ? oidc.ClientSecretPost(clientSecret)
          : oidc.ClientSecretBasic(clientSecret)
    return oidc.discovery(new URL(issuer), clientId, clientSecret, authenticate, {
      timeout: Math.max(1, milliseconds(timeout) / 1000),
      execute: issuer.startsWith('http:') ? [oidc.allowInsecureRequests] : [],
    })
  }
}

/** Turns network errors, timeouts and 5xx into `GW_AUTH_UNAVAILABLE`: they say nothing about the client. */
async function reachable<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (error) {
    const { status } = error as { status?: number }
    if (
      error instanceof TypeError ||
      (error as Error).name === 'TimeoutError' ||
      (error as { code?: string }).code === 'OAUTH_TIMEOUT' ||
      (status !== undefined && status >= 500)
    ) {
      throw authUnavailable(error)
    }
    throw error
  }
}
