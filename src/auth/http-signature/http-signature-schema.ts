import Type, { type Static } from 'typebox'
import { Duration } from '../../units.ts'

const SignatureKey = Type.Object(
  {
    keyid: Type.String({ minLength: 1, description: 'The `keyid` that signatures made with this key name.' }),
    consumer: Type.Optional(Type.String({ minLength: 1, description: 'Id of the consumer. Default: the `keyid`.' })),
    secret: Type.Optional(
      Type.String({
        minLength: 32,
        writeOnly: true,
        description: 'Shared secret of `hmac-sha256` signatures, at least 32 characters.',
      }),
    ),
    secretFile: Type.Optional(Type.String({ minLength: 1, description: 'File with that secret; read at the start.' })),
    publicKey: Type.Optional(
      Type.String({
        description:
          'PEM of a public key; its kind decides the algorithm: Ed25519 `ed25519`, P-256 `ecdsa-p256-sha256`, RSA `rsa-pss-sha512`.',
      }),
    ),
    publicKeyFile: Type.Optional(
      Type.String({ minLength: 1, description: 'File with that public key; read at the start.' }),
    ),
    scopes: Type.Optional(
      Type.Array(Type.String({ pattern: '^[\\x21\\x23-\\x5B\\x5D-\\x7E]+$' }), {
        description: 'Scopes of the consumer. Default: none.',
      }),
    ),
    groups: Type.Optional(
      Type.Array(Type.String({ minLength: 1 }), { description: 'Groups (roles) of the consumer. Default: none.' }),
    ),
  },
  { additionalProperties: false, description: 'A key, stated in one of the four ways.' },
)
export type SignatureKey = Static<typeof SignatureKey>

/** Keys and rules by which signed requests (RFC 9421) are verified; the `signatures` section of the configuration. */
export const SignatureSettings = Type.Object(
  {
    keys: Type.Array(SignatureKey, { minItems: 1, description: 'Whose signatures are known.' }),
    components: Type.Array(
      Type.String({ pattern: "^[a-z0-9!#$%&'*+.^_`|~-]+$", title: 'header name in small letters' }),
      {
        default: [],
        description:
          'Headers that a signature must cover, beside the method, the whole URL and, where there is a body, `content-digest`.',
      },
    ),
    maxAge: Duration({ default: '5 minutes', description: 'How old a signature may be, by its `created`.' }),
    requireNonce: Type.Boolean({
      default: false,
      description:
        'Takes a signature once only, by its `nonce`. Without it, whoever sees a request can send it again for as long as `maxAge`. Each gateway process remembers its own.',
    }),
    nonceCacheSize: Type.Integer({
      minimum: 1,
      default: 100_000,
      description:
        'How many nonces are remembered. While there are more within `maxAge`, signed requests are answered 503.',
    }),
  },
  {
    additionalProperties: false,
    description: 'Signed requests. Needed as soon as a route says `auth: { signature: ... }`.',
  },
)
export type SignatureSettings = Static<typeof SignatureSettings>
