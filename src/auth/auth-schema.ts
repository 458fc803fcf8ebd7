import Type, { type Static } from 'typebox'
import type {} from 'fastify'
import { Duration } from '../units.ts'

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

const JwtScheme = Type.Object({
  jwt: Type.Object({
    scopes: Type.Optional(Type.Array(Type.String({ pattern: '^[\\x21\\x23-\\x5B\\x5D-\\x7E]+$' }), { description: 'Scopes that the token must all have (`scope`, `scp` or `scopes` claim).' })),
  }, { additionalProperties: false }),
}, { additionalProperties: false })
export type AuthScheme = Static<typeof JwtScheme>

/** `auth` of a gateway, an upstream or a route. */
export const AuthDeclaration = Type.Union([
  Type.Literal('none'), JwtScheme, Type.Array(JwtScheme, { minItems: 1 }),
], { title: "'none', { jwt: { scopes: [...] } }, or a list of schemes (any of them)", description: "Who may call: `'none'`, a scheme such as `{ jwt: { scopes: ['orders:read'] } }`, or a list of which any suffices." })
export type AuthDeclaration = Static<typeof AuthDeclaration>

/** Who is calling, whichever scheme has found it out. */
export interface Consumer {
  /** `sub` claim. */
  id: string
  scopes: readonly string[]
  claims: Readonly<Record<string, unknown>>
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Set once the route's authentication has passed; null on open routes. */
    consumer: Consumer | null
  }
}
