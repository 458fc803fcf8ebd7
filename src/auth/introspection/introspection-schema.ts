import Type, { type Static } from 'typebox'
import { Duration } from '../../units.ts'

/** Who tells whether opaque bearer tokens are good (RFC 7662); the `introspection` section of the configuration. */
export const IntrospectionSettings = Type.Object(
  {
    url: Type.String({
      pattern: '^https?://',
      title: 'URL that starts with https:// or http://',
      description:
        'The introspection endpoint of the authorization server. Over `http:` the tokens and the secret cross the network in the clear.',
    }),
    clientId: Type.String({
      minLength: 1,
      description: 'Name by which the gateway is known to the authorization server.',
    }),
    clientSecret: Type.String({
      minLength: 1,
      writeOnly: true,
      description:
        'Secret of that client. Environment: `GATEHOUSE_INTROSPECTION_CLIENT_SECRET`, or `GATEHOUSE_INTROSPECTION_CLIENT_SECRET_FILE`.',
    }),
    clientAuth: Type.Enum(['basic', 'post'], {
      default: 'basic',
      description:
        'How name and secret are sent (RFC 6749, section 2.3.1): in the `Authorization` header, or in the body.',
    }),
    issuer: Type.Optional(
      Type.Union([Type.String(), Type.Array(Type.String(), { minItems: 1 })], {
        description: 'Accepted `iss` members; when set, a token without one is refused.',
      }),
    ),
    audience: Type.Optional(
      Type.Union([Type.String(), Type.Array(Type.String(), { minItems: 1 })], {
        description: 'Accepted `aud` members; when set, a token without one is refused.',
      }),
    ),
    cacheFor: Duration({
      default: '30s',
      description:
        'How long a good token is believed without asking again, at most until its `exp`. It is also how long a revoked token may still pass. 0 asks each time.',
    }),
    refusedFor: Duration({ default: '5s', description: 'How long a bad token is refused without asking again.' }),
    cacheSize: Type.Integer({
      minimum: 0,
      default: 10_000,
      description: 'How many tokens are remembered, good and bad ones apart, by their SHA-256.',
    }),
    timeout: Duration({
      default: '5s',
      description: 'How long the authorization server may take; past it the request is answered 503.',
    }),
  },
  {
    additionalProperties: false,
    description:
      'Opaque bearer tokens, about which an authorization server is asked (RFC 7662). Needed as soon as a route says `auth: { introspection: ... }`.',
  },
)
export type IntrospectionSettings = Static<typeof IntrospectionSettings>
