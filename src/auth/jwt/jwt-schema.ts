import Type, { type Static } from 'typebox'
import { Duration } from '../../units.ts'

const JwtAlgorithm = Type.Enum(['HS256', 'HS384', 'HS512', 'RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'])

// `writeOnly` is JSON Schema's mark of a secret: no message shows it, and it can come from a file
/** Keys and rules by which bearer tokens (RFC 7519, RFC 6750) are verified; the `jwt` section of the configuration. */
export const JwtSettings = Type.Object({
  secret: Type.Optional(Type.String({ writeOnly: true, minLength: 32, description: 'Shared secret of HS256, HS384 and HS512 tokens, at least 32 characters.' })),
  publicKey: Type.Optional(Type.String({ writeOnly: true, description: 'PEM of the public key of RS, PS, ES and EdDSA tokens.' })),
  privateKey: Type.Optional(Type.String({ writeOnly: true, description: 'PEM of the private key, only for `gatehouse token`; the gateway itself needs none.' })),
  algorithms: Type.Optional(Type.Array(JwtAlgorithm, { minItems: 1, description: 'Algorithms that are accepted. Default: those that the configured key is made for. `none` is never accepted, nor is HMAC with a public key.' })),
  issuer: Type.Optional(Type.Union([Type.String({ minLength: 1 }), Type.Array(Type.String({ minLength: 1 }), { minItems: 1 })], { description: 'Accepted `iss` claims; when set, a token without one is refused.' })),
  audience: Type.Optional(Type.Union([Type.String({ minLength: 1 }), Type.Array(Type.String({ minLength: 1 }), { minItems: 1 })], { description: 'Accepted `aud` claims; when set, a token without one is refused.' })),
  clockTolerance: Duration({ default: '5s', description: 'How far `exp` and `nbf` may be off, for clocks that disagree.' }),
  cacheSize: Type.Integer({ minimum: 0, default: 10_000, description: 'How many verified tokens are remembered, by the SHA-256 of the whole token, until they expire. 0 verifies each time.' }),
}, { additionalProperties: false, description: 'How bearer tokens are verified. Needed as soon as a route says `auth: { jwt: ... }`.' })
export type JwtSettings = Static<typeof JwtSettings>
