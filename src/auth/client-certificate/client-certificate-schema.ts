import Type, { type Static } from 'typebox'

/** A consumer that is known by a certificate. */
export const CertificateConsumer = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 200, description: 'The id of the consumer.' }),
    subject: Type.Optional(
      Type.Record(Type.String({ pattern: '^[A-Za-z][A-Za-z0-9.]*$' }), Type.String({ minLength: 1 }), {
        minProperties: 1,
        title: 'attributes such as { CN: "billing", O: "Example" }',
        description:
          'Attributes that the subject of the certificate must have, each once and with exactly this value. Others do not matter.',
      }),
    ),
    fingerprint256: Type.Optional(
      Type.String({
        pattern: '^([0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}$',
        title: 'SHA-256 of the certificate, 64 hexadecimal digits, with or without colons',
        description:
          'SHA-256 of the certificate itself (`openssl x509 -noout -fingerprint -sha256`). With `subject` too, both must fit.',
      }),
    ),
    scopes: Type.Optional(
      Type.Array(
        Type.String({
          pattern: '^[\\x21\\x23-\\x5B\\x5D-\\x7E]+$',
          title: 'scope: visible ASCII without quotes and backslashes',
        }),
        { description: 'Scopes of the consumer. Default: none.' },
      ),
    ),
    groups: Type.Optional(
      Type.Array(Type.String({ minLength: 1 }), { description: 'Groups (roles) of the consumer. Default: none.' }),
    ),
  },
  { additionalProperties: false, description: 'Whose certificate it is.' },
)
export type CertificateConsumer = Static<typeof CertificateConsumer>

/** Client certificates of mutual TLS; the `clientCertificates` section of the configuration. */
export const CertificateSettings = Type.Object(
  {
    consumers: Type.Array(CertificateConsumer, {
      default: [],
      description: 'Who is known by which certificate; the first that fits.',
    }),
    anyTrusted: Type.Boolean({
      default: false,
      description:
        'Whether any certificate that has been verified is somebody: its common name (CN) is then the id of the consumer, without scopes and groups. A CN that is a name of `consumers` is refused.',
    }),
    fromProxy: Type.Boolean({
      default: false,
      description:
        'Whether the proxies of `trustProxy` end TLS, verify the certificate and hand it on in `Client-Cert` (RFC 9440). From anybody else the header is not believed. The proxy must remove what clients send under this name.',
    }),
  },
  {
    additionalProperties: false,
    description:
      'Consumers known by the certificate of their connection (mutual TLS). Needed as soon as a route says `auth: { clientCertificate: ... }`.',
  },
)
export type CertificateSettings = Static<typeof CertificateSettings>
