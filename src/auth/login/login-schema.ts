import Type, { type Static } from 'typebox'
import { Duration } from '../../units.ts'

const Path = (options: { default?: string; description: string }) =>
  Type.String({
    pattern: '^(?:/(?!\\.{1,2}(?:/|$))[A-Za-z0-9._~-]+)+$',
    title: `path such as "${options.default ?? '/'}"`,
    ...options,
  })
const Secret = () => Type.String({ minLength: 32, writeOnly: true })
const Claim = (description: string) => Type.Optional(Type.String({ minLength: 1, description }))

/** Where the session is kept in the browser. */
const LoginCookie = Type.Object(
  {
    name: Type.String({
      default: 'gatehouse-session',
      pattern: '^(?!__)[A-Za-z0-9_.-]{1,64}$',
      title: 'name of letters, digits and _.- that does not begin with __',
      description: 'Name. Over https it gets the prefix `__Host-`, or `__Secure-` when there is a domain.',
    }),
    domain: Type.Optional(
      Type.String({
        pattern: '^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$',
        title: 'domain such as "home.example"',
        description:
          'Domain whose hosts share the session. Each of them, and all that answers there, then gets the cookie. Default: only the host of the login.',
      }),
    ),
    sameSite: Type.Enum(['lax', 'strict', 'none'], {
      default: 'lax',
      description:
        'Which requests of other sites carry the session: `lax` links alone, `strict` none, `none` all, over https.',
    }),
    secure: Type.Union([Type.Literal('auto'), Type.Literal(true)], {
      default: 'auto',
      description: 'Whether the cookie is for https alone: `auto` when it is set over https, or `publicUrl` is https.',
    }),
  },
  {
    additionalProperties: false,
    default: {},
    description: 'The cookie of the session: encrypted, `HttpOnly`, in up to three parts.',
  },
)
export type LoginCookie = Static<typeof LoginCookie>

/** OpenID Connect login for browsers; the `login` section of the configuration. */
export const LoginSettings = Type.Object(
  {
    issuer: Type.String({
      pattern: '^https?://',
      title: 'URL that starts with https:// or http://',
      description:
        'Issuer, exactly as its metadata states it. Over `http:` the secret and the tokens cross the network in the clear.',
    }),
    clientId: Type.String({ minLength: 1, description: 'Name by which the gateway is known to the issuer.' }),
    clientSecret: Type.Optional(
      Type.String({
        minLength: 1,
        writeOnly: true,
        description:
          'Secret of that client. Environment: `GATEHOUSE_LOGIN_CLIENT_SECRET`, or `GATEHOUSE_LOGIN_CLIENT_SECRET_FILE`. Default: none, for a public client.',
      }),
    ),
    clientAuth: Type.Enum(['basic', 'post'], {
      default: 'basic',
      description:
        'How name and secret are sent (RFC 6749, section 2.3.1): in the `Authorization` header, or in the body.',
    }),
    scopes: Type.Array(Type.String({ pattern: '^[\\x21\\x23-\\x5B\\x5D-\\x7E]+$' }), {
      default: ['openid', 'profile', 'email'],
      description:
        'Scopes that are asked for. Many issuers give a refresh token for `offline_access` alone, and groups for a scope of their own.',
    }),
    authorizationParameters: Type.Record(Type.String({ minLength: 1 }), Type.String(), {
      default: {},
      description: 'Further parameters of the request to the issuer, such as `prompt`.',
    }),
    sessionSecret: Type.Union([Secret(), Type.Array(Secret(), { minItems: 1 })], {
      title: 'text of at least 32 characters, or a list of such',
      description:
        'What sessions are encrypted with, 32 random characters or more; gateways with the same one share sessions. Of a list the first encrypts and each decrypts. Environment: `GATEHOUSE_LOGIN_SESSION_SECRET`, or `GATEHOUSE_LOGIN_SESSION_SECRET_FILE`; several with commas between.',
    }),
    publicUrl: Type.Optional(
      Type.String({
        pattern: '^https?://[^/?#]+/?$',
        title: 'URL without a path, such as "https://home.example"',
        description:
          'Where browsers reach the gateway. Default: scheme and host of the request, which behind a TLS terminator are right for `trustProxy` alone.',
      }),
    ),
    callbackPath: Path({
      default: '/.login/callback',
      description:
        'Where the issuer sends browsers back to, on every host. Register it there with its origin as redirect URI.',
    }),
    logoutPath: Path({
      default: '/.login/logout',
      description: 'Where a session ends, by GET from pages of the same origin or POST.',
    }),
    afterLogout: Type.Optional(
      Type.String({
        pattern: '^/(?![/\\\\])',
        title: 'path that starts with one "/"',
        description:
          'Where browsers go after it. Must be registered at the issuer, with its origin, as post-logout redirect URI. Default: where the issuer sends them, or a page that says so.',
      }),
    ),
    cookie: LoginCookie,
    sessionLifetime: Duration({
      default: '12h',
      description: 'How long a session lasts from the login on, whatever happens.',
    }),
    idle: Type.Optional(
      Duration({ description: 'How long it lasts without a request, give or take a tenth. Default: no such bound.' }),
    ),
    outageGrace: Duration({
      default: '1h',
      description:
        'How long a session that should be refreshed goes on while the issuer cannot be asked; past it requests are answered 503.',
    }),
    userInfo: Type.Boolean({
      default: true,
      description:
        'Whether the UserInfo endpoint is asked too, where there is one: many issuers tell groups there alone.',
    }),
    claims: Type.Object(
      {
        id: Claim('Claim, or path with dots, that names the consumer. Default: `sub`.'),
        groups: Claim('Claim, or path with dots, of the groups. Default: `groups`, else `roles`.'),
        scopes: Claim('Claim, or path with dots, of the scopes. Default: those that the issuer has granted.'),
        keep: Type.Array(Type.String({ minLength: 1 }), {
          default: ['name', 'email', 'email_verified', 'preferred_username'],
          description:
            'Claims, or paths with dots, that are kept beside `sub` and `iss`, for routes and `identityHeaders`. All must fit into cookies.',
        }),
      },
      { additionalProperties: false, default: {}, description: 'What is read from ID token and UserInfo.' },
    ),
    timeout: Duration({ default: '5s', description: 'How long the issuer may take for an answer.' }),
  },
  {
    additionalProperties: false,
    description:
      'Login for browsers (OpenID Connect, authorization code flow with PKCE). Needed as soon as a route says `auth: { login: ... }`.',
  },
)
export type LoginSettings = Static<typeof LoginSettings>
