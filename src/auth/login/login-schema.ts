import Type, { type Static } from 'typebox'
import { Duration } from '../../units.ts'
import { Text, ClientAuth, HttpUrl } from '../auth-schema.ts'

const Path = (options: { default?: string; description: string }) =>
  Type.String({
    pattern: '^(?:/(?!\\.{1,2}(?:/|$))[A-Za-z0-9._~-]+)+$',
    title: `path such as "${options.default ?? '/'}"`,
    ...options,
  })
const Secret = () => Type.String({ minLength: 32, writeOnly: true })
const Claim = (description: string) => Type.Optional(Text(description))

/** Where the session is kept in the browser. */
const LoginCookie = Type.Object(
  {
    name: Type.String({
      default: 'gatehouse-session',
      pattern: '^(?!__)[A-Za-z0-9_.-]{1,64}$',
      title: 'name of letters, digits and _.- that does not begin with __',
      description: 'Name. Over https it gets the prefix `__Host-`, or `__Secure-` if there is a domain.',
    }),
    domain: Type.Optional(
      Type.String({
        pattern: '^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$',
        title: 'domain such as "home.example"',
        description:
          'Domain whose hosts share the session. Every host of the domain then gets the cookie. Default: only the host of the login.',
      }),
    ),
    sameSite: Type.Enum(['lax', 'strict', 'none'], {
      default: 'lax',
      description:
        'Which requests from other sites carry the session: `lax` links only, `strict` none, `none` all, over https.',
    }),
    secure: Type.Union([Type.Literal('auto'), Type.Literal(true)], {
      default: 'auto',
      description: 'Restricts the cookie to https. `auto`: if it is set over https, or `publicUrl` is https.',
    }),
  },
  {
    additionalProperties: false,
    default: {},
    description: 'The cookie of the session. It is encrypted and `HttpOnly`, and may be split into up to three parts.',
  },
)
export type LoginCookie = Static<typeof LoginCookie>

/** OpenID Connect login for browsers; the `login` section of the configuration. */
export const LoginSettings = Type.Object(
  {
    issuer: HttpUrl(
      'Issuer, exactly as its metadata states it. Over `http:` the secret and the tokens cross the network in the clear.',
    ),
    clientId: Text('Client id of the gateway at the issuer.'),
    clientSecret: Type.Optional(
      Type.String({
        minLength: 1,
        writeOnly: true,
        description:
          'Secret of that client. Environment: `GATEHOUSE_LOGIN_CLIENT_SECRET`, or `GATEHOUSE_LOGIN_CLIENT_SECRET_FILE`. Default: none, for a public client.',
      }),
    ),
    clientAuth: ClientAuth,
    scopes: Type.Array(Type.String({ pattern: '^[\\x21\\x23-\\x5B\\x5D-\\x7E]+$' }), {
      default: ['openid', 'profile', 'email'],
      description:
        'Scopes to request. Many issuers give a refresh token only for `offline_access`, and groups only for a scope of their own.',
    }),
    authorizationParameters: Type.Record(Type.String({ minLength: 1 }), Type.String(), {
      default: {},
      description: 'Further parameters of the request to the issuer, such as `prompt`.',
    }),
    sessionSecret: Type.Union([Secret(), Type.Array(Secret(), { minItems: 1 })], {
      title: 'text of at least 32 characters, or a list of such',
      description:
        'Secret that encrypts sessions, at least 32 random characters. Gateways with the same one share sessions. In a list, the first encrypts and each decrypts. Environment: `GATEHOUSE_LOGIN_SESSION_SECRET`, or `GATEHOUSE_LOGIN_SESSION_SECRET_FILE`; several separated by commas.',
    }),
    publicUrl: Type.Optional(
      Type.String({
        pattern: '^https?://[^/?#]+/?$',
        title: 'URL without a path, such as "https://home.example"',
        description:
          'URL by which browsers reach the gateway. Default: scheme and host of the request. Behind a TLS terminator these are right only with `trustProxy`.',
      }),
    ),
    callbackPath: Path({
      default: '/.login/callback',
      description:
        'Path to which the issuer sends browsers back, on every host. Register it there with its origin as redirect URI.',
    }),
    logoutPath: Path({
      default: '/.login/logout',
      description: 'Path that ends a session, by GET from pages of the same origin or by POST.',
    }),
    afterLogout: Type.Optional(
      Type.String({
        pattern: '^/(?![/\\\\])',
        title: 'path that starts with one "/"',
        description:
          'Path to which browsers go after a logout. Register it at the issuer, with its origin, as post-logout redirect URI. Default: where the issuer sends them, or a page that confirms the logout.',
      }),
    ),
    cookie: LoginCookie,
    sessionLifetime: Duration({
      default: '12h',
      description: 'How long a session lasts after the login, used or not.',
    }),
    idle: Type.Optional(
      Duration({ description: 'How long a session lasts without a request, give or take a tenth. Default: no limit.' }),
    ),
    outageGrace: Duration({
      default: '1h',
      description:
        'How long a session that is due for a refresh stays valid while the issuer is unreachable. After that requests are answered 503.',
    }),
    userInfo: Type.Boolean({
      default: true,
      description: 'Also reads the UserInfo endpoint, if there is one. Many issuers state groups only there.',
    }),
    claims: Type.Object(
      {
        id: Claim('Claim, or path with dots, that names the consumer. Default: `sub`.'),
        groups: Claim('Claim, or path with dots, of the groups. Default: `groups`, else `roles`.'),
        scopes: Claim('Claim, or path with dots, of the scopes. Default: those that the issuer has granted.'),
        keep: Type.Array(Type.String({ minLength: 1 }), {
          default: ['name', 'email', 'email_verified', 'preferred_username'],
          description:
            'Claims, or paths with dots, that are kept in addition to `sub` and `iss`, for routes and `identityHeaders`. All must fit into cookies.',
        }),
      },
      { additionalProperties: false, default: {}, description: 'Claims of the ID token and UserInfo that are used.' },
    ),
    timeout: Duration({ default: '5s', description: 'How long the issuer may take to answer.' }),
  },
  {
    additionalProperties: false,
    description:
      'Login for browsers (OpenID Connect, authorization code flow with PKCE). Required for `auth: { login: ... }`.',
  },
)
export type LoginSettings = Static<typeof LoginSettings>
