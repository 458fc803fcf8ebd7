import * as oidc from 'openid-client'
import { milliseconds } from '../../units.ts'
import { authUnavailable } from '../challenge.ts'
import type { LoginSettings } from './login-schema.ts'

/** Milliseconds after a failure to find out about the issuer in which nobody tries again. */
const COOLDOWN = 1000

/** What a browser must bring back from the issuer. */
export interface LoginChecks {
  state: string
  nonce: string
  verifier: string
}

/** What the issuer says of somebody who has logged in, or whose session it has refreshed. */
export interface IssuerAnswer {
  /** Of ID token and UserInfo; null when a refresh brought neither. */
  claims: Record<string, unknown> | null
  scope: string
  refreshToken: string | undefined
  idToken: string | undefined
  /** Seconds for which it vouches; undefined when it does not say. */
  expiresIn: number | undefined
}

/** The session at the issuer is over, so that only a new login helps. */
export class SessionOver extends Error {}

/**
 * Speaks to the issuer: OpenID Connect with openid-client, the authorization code flow with PKCE (RFC 7636). What can
 * be known of it is found out when it is needed first.
 */
export class LoginIssuer {
  readonly #settings: LoginSettings
  #configuration: Promise<oidc.Configuration> | null = null

  constructor(settings: LoginSettings) {
    this.#settings = settings
  }

  /** Where a browser is sent to log in. */
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
   * Who has come back.
   * @param url  to which the issuer has sent the browser
   * @throws what openid-client throws for an answer that is not good; GatehouseError `GW_AUTH_UNAVAILABLE` when the
   *   issuer cannot be asked
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
   * @param subject  who the session is of
   * @throws SessionOver when the issuer refuses; GatehouseError `GW_AUTH_UNAVAILABLE` when it cannot be asked
   */
  async refresh(refreshToken: string, subject: string): Promise<IssuerAnswer> {
    const configuration = await this.#discovered()
    try {
      const tokens = await reachable(oidc.refreshTokenGrant(configuration, refreshToken))
      return await this.#answer(configuration, tokens, subject)
    } catch (error) {
      // any other word of the issuer is no refusal: it may be the gateway that is not known for a moment
      if (error instanceof oidc.ResponseBodyError && error.error === 'invalid_grant') {
        throw new SessionOver('the issuer has ended the session', { cause: error })
      }
      throw error
    }
  }

  /** Where a browser is sent to log out there; null when the issuer has no such place. */
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

/** An issuer that cannot be reached, or that fails, has said nothing of anybody. */
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
