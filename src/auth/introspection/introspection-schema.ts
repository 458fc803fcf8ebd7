import Type, { type Static } from 'typebox'
import { Duration } from '../../units.ts'
import { Text, ClientAuth, HttpUrl } from '../auth-schema.ts'

/** The `introspection` section of the configuration: the authorization server that checks opaque tokens (RFC 7662). */
export const IntrospectionSettings = Type.Object(
  {
    url: HttpUrl(
      'The introspection endpoint of the authorization server. Over `http:` the tokens and the secret cross the network in the clear.',
    ),
    clientId: Text('Client id of the gateway at the authorization server.'),
    clientSecret: Type.String({
      minLength: 1,
      writeOnly: true,
      description:
        'Secret of that client. Environment: `GATEHOUSE_INTROSPECTION_CLIENT_SECRET`, or `GATEHOUSE_INTROSPECTION_CLIENT_SECRET_FILE`.',
    }),
    clientAuth: ClientAuth,
    issuer: Type.Optional(
      Type.Union([Type.String(), Type.Array(Type.String(), { minItems: 1 })], {
        description: 'Accepted `iss` members. If set, a token without one is refused.',
      }),
    ),
    audience: Type.Optional(
      Type.Union([Type.String(), Type.Array(Type.String(), { minItems: 1 })], {
        description: 'Accepted `aud` members. If set, a token without one is refused.',
      }),
    ),
    cacheFor: Duration({
      default: '30s',
      description:
        'How long a valid token is accepted without asking again, at most until its `exp`. A revoked token works for that long. 0 asks each time.',
    }),
    refusedFor: Duration({ default: '5s', description: 'How long an invalid token is refused without asking again.' }),
    cacheSize: Type.Integer({
      minimum: 0,
      default: 10_000,
      description: 'How many tokens are remembered by their SHA-256, valid and invalid ones separately.',
    }),
    timeout: Duration({
      default: '5s',
      description: 'How long the authorization server may take. After that the answer is 503.',
    }),
  },
  {
    additionalProperties: false,
    description:
      'Opaque bearer tokens, which an authorization server checks (RFC 7662). Required for `auth: { introspection: ... }`.',
  },
)
export type IntrospectionSettings = Static<typeof IntrospectionSettings>
