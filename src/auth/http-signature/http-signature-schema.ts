import Type, { type Static } from 'typebox'
import { Duration } from '../../units.ts'
import { Text, grantFields } from '../auth-schema.ts'

const SignatureKey = Type.Object(
  {
    keyid: Text('The `keyid` in signatures made with this key.'),
    consumer: Type.Optional(Text('Id of the consumer. Default: the `keyid`.')),
    secret: Type.Optional(
      Type.String({
        minLength: 32,
        writeOnly: true,
        description: 'Shared secret of `hmac-sha256` signatures, at least 32 characters.',
      }),
    ),
    secretFile: Type.Optional(Text('File with that secret. It is read at boot.')),
    publicKey: Type.Optional(
      Type.String({
        description:
          'PEM of a public key. Its kind decides the algorithm: Ed25519 `ed25519`, P-256 `ecdsa-p256-sha256`, RSA `rsa-pss-sha512`.',
      }),
    ),
    publicKeyFile: Type.Optional(Text('File with that public key. It is read at boot.')),
    ...grantFields,
  },
  { additionalProperties: false, description: 'A key, stated in one of the four forms.' },
)
export type SignatureKey = Static<typeof SignatureKey>

/** Keys and rules by which signed requests (RFC 9421) are verified; the `signatures` section of the configuration. */
export const SignatureSettings = Type.Object(
  {
    keys: Type.Array(SignatureKey, { minItems: 1, description: 'The keys of the consumers.' }),
    components: Type.Array(Type.String({ pattern: "^[a-z0-9!#$%&'*+.^_`|~-]+$", title: 'lower-case header name' }), {
      default: [],
      description:
        'Headers that a signature must cover, in addition to the method, the whole URL and, if there is a body, `content-digest`.',
    }),
    maxAge: Duration({ default: '5 minutes', description: 'How old a signature may be, by its `created`.' }),
    requireNonce: Type.Boolean({
      default: false,
      description:
        'Accepts each signature once, by its `nonce`. Without it, anyone who sees a request can send it again within `maxAge`. Each gateway process remembers its own nonces.',
    }),
    nonceCacheSize: Type.Integer({
      minimum: 1,
      default: 100_000,
      description:
        'How many nonces are remembered. If more were used within `maxAge`, signed requests are answered 503.',
    }),
  },
  {
    additionalProperties: false,
    description: 'Signed requests. Required for `auth: { signature: ... }`.',
  },
)
export type SignatureSettings = Static<typeof SignatureSettings>
