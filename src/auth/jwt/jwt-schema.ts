import Type, { type Static } from 'typebox'
import { Duration } from '../../units.ts'
import { Text, HttpUrl, placeFields } from '../auth-schema.ts'

const JwtAlgorithm = Type.Enum([
  'HS256',
  'HS384',
  'HS512',
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
])
const OneOrMore = (description: string) =>
  Type.Union([Type.String({ minLength: 1 }), Type.Array(Type.String({ minLength: 1 }), { minItems: 1 })], {
    description,
  })
const ClaimPath = (description: string) => Type.Optional(Text(description))

/** Where the keys of an issuer come from: exactly one of these. */
const keyFields = {
  secret: Type.Optional(
    Type.String({
      minLength: 32,
      writeOnly: true,
      description: 'Shared secret of HS256, HS384 and HS512 tokens, at least 32 characters.',
    }),
  ),
  publicKey: Type.Optional(
    Type.String({ writeOnly: true, description: 'PEM of the public key of RS, PS, ES and EdDSA tokens.' }),
  ),
  keys: Type.Optional(
    Type.Union([Type.String({ minLength: 1 }), Type.Record(Type.String(), Type.Unknown())], {
      title: 'path of a file with a PEM, JWK or JWK Set, or the JWK or JWK Set itself',
      description:
        'File with public keys as PEM, JWK or JWK Set (RFC 7517). Changes take effect within two seconds; a file with a mistake changes nothing. A file may also hold shared secrets (`"kty": "oct"`). Instead of a file: a JWK or JWK Set of public keys.',
    }),
  ),
  jwksUri: Type.Optional(
    HttpUrl('URL of a JWK Set (RFC 7517). Over `http:`, anyone who can change the answer can make tokens.'),
  ),
  discover: Type.Optional(
    Type.Boolean({
      description:
        'Reads the URL of the JWK Set from `<issuer>/.well-known/openid-configuration` (OpenID Connect Discovery). Default: false.',
    }),
  ),
}

/** What the tokens of an issuer must have. */
const ruleFields = {
  algorithms: Type.Optional(
    Type.Array(JwtAlgorithm, {
      minItems: 1,
      description:
        'Accepted algorithms. Default: those that each key is made for. `none` is never accepted, nor is HMAC with a public key.',
    }),
  ),
  audience: Type.Optional(OneOrMore('Accepted `aud` claims. If set, a token without one is refused.')),
  typ: Type.Optional(
    Text(
      'Required `typ` of the header, such as `at+jwt` for access tokens (RFC 9068). `application/` before it and case are ignored. Default: any or none.',
    ),
  ),
  maxAge: Type.Optional(
    Duration({
      description:
        'How long after its `iat` a token is accepted, whatever its `exp` states. A token without `iat` is refused. Default: no limit.',
    }),
  ),
  claims: Type.Optional(
    Type.Object(
      {
        id: ClaimPath('Claim that is the id of the consumer. Default: `sub`, else `client_id`, else `azp`.'),
        scopes: ClaimPath('Claim that holds the scopes, as text or list. Default: `scope`, else `scp`, else `scopes`.'),
        groups: ClaimPath(
          'Claim that holds the groups, as text or list, such as `realm_access.roles`. Default: `groups`, else `roles`.',
        ),
      },
      {
        additionalProperties: false,
        description: 'Claims that describe the consumer: names, or paths with dots.',
      },
    ),
  ),
}

/** One of several issuers. */
const JwtIssuer = Type.Object(
  {
    issuer: Text('The `iss` of its tokens. With `discover`, its URL.'),
    ...keyFields,
    ...ruleFields,
    idPrefix: Type.Optional(
      Type.String({
        description:
          'Prefix of the ids of its consumers. Default: the issuer and `|`, so that no issuer can speak for the users of another.',
      }),
    ),
  },
  { additionalProperties: false },
)
export type JwtIssuer = Static<typeof JwtIssuer>

/** Where a request carries its token. */
const TokenPlace = Type.Object(
  {
    ...placeFields('token', 'authorization'),
    scheme: Type.Optional(
      Type.String({
        pattern: '^[A-Za-z][A-Za-z0-9-]*$|^$',
        title: 'word such as "Bearer", or ""',
        description:
          'Word before the token in the header; `""` for none. Default: `Bearer` in `Authorization`, none elsewhere.',
      }),
    ),
  },
  {
    additionalProperties: false,
    description: 'Where the token is in a request. A request with tokens in two places is refused.',
  },
)
export type TokenPlace = Static<typeof TokenPlace>

const Revocation = Type.Object(
  {
    file: Type.Optional(
      Text(
        'YAML or JSON file with a list of `{ jti: ... }` and `{ sub: ..., before: ... }`. Changes take effect within two seconds.',
      ),
    ),
    redis: Type.Optional(
      Type.Boolean({
        description:
          'Also reads revocations from the Redis of `redis`: keys `{gatehouse}:revoked:jti:<jti>` and `{gatehouse}:revoked:sub:<sub>`. Default: false.',
      }),
    ),
    refreshAfter: Duration({
      default: '5s',
      description: 'How long the answer that a token is not revoked is used. A revoked token works for that long.',
    }),
    onFailure: Type.Enum(['closed', 'open'], {
      default: 'closed',
      description:
        'What happens, while Redis is away, to tokens that were not looked up within `refreshAfter`: they are answered 503 (`closed`), or pass (`open`).',
    }),
  },
  { additionalProperties: false, description: 'Tokens to refuse although they are valid.' },
)
export type RevocationSettings = Static<typeof Revocation>

// `writeOnly` marks a secret in JSON Schema: no message shows it, and it can come from a file
/** Keys and rules by which bearer tokens (RFC 7519, RFC 6750) are verified; the `jwt` section of the configuration. */
export const JwtSettings = Type.Object(
  {
    ...keyFields,
    privateKey: Type.Optional(
      Type.String({
        writeOnly: true,
        description: 'PEM of the private key, only for `gatehouse token`. The gateway itself needs none.',
      }),
    ),
    issuer: Type.Optional(
      OneOrMore(
        'Accepted `iss` claims. If set, a token without one is refused. With `discover`, the URL of the issuer.',
      ),
    ),
    ...ruleFields,
    issuers: Type.Optional(
      Type.Array(JwtIssuer, {
        minItems: 1,
        description:
          'Several issuers, each with its own keys. The `iss` of a token chooses one. `audience`, `algorithms`, `typ`, `maxAge` and `claims` outside the list are the defaults of the issuers.',
      }),
    ),
    token: Type.Optional(TokenPlace),
    revocation: Type.Optional(Revocation),
    clockTolerance: Duration({
      default: '5s',
      description: 'Allowed difference between clocks when `exp`, `nbf` and `iat` are checked.',
    }),
    cacheSize: Type.Integer({
      minimum: 0,
      default: 10_000,
      description:
        'How many verified tokens are remembered, by the SHA-256 of the whole token, until they expire or their key is withdrawn. 0 verifies each time.',
    }),
    refreshInterval: Duration({
      default: '10 minutes',
      description:
        'How often keys are fetched again from `jwksUri` or by `discover`, in the background; at least a second.',
    }),
    refreshCooldown: Duration({
      default: '30s',
      description:
        'Shortest time between two fetches of the keys that tokens with an unknown key cause. Also the pause after a failed fetch.',
    }),
    timeout: Duration({ default: '5s', description: 'How long an issuer may take to send its keys.' }),
  },
  {
    additionalProperties: false,
    description: 'How bearer tokens are verified. Required for `auth: { jwt: ... }`.',
  },
)
export type JwtSettings = Static<typeof JwtSettings>
