import Type, { type Static } from 'typebox'
import { grantFields } from '../auth-schema.ts'

/** A consumer that is known by a certificate. */
export const CertificateConsumer = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 200, description: 'The id of the consumer.' }),
    subject: Type.Optional(
      Type.Record(Type.String({ pattern: '^[A-Za-z][A-Za-z0-9.]*$' }), Type.String({ minLength: 1 }), {
        minProperties: 1,
        title: 'attributes such as { CN: "billing", O: "Example" }',
        description:
          'Attributes that the subject of the certificate must have, each once and with exactly this value. Other attributes are ignored.',
      }),
    ),
    fingerprint256: Type.Optional(
      Type.String({
        pattern: '^([0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}$',
        title: 'SHA-256 of the certificate, 64 hexadecimal digits, with or without colons',
        description:
          'SHA-256 of the certificate itself (`openssl x509 -noout -fingerprint -sha256`). If `subject` is stated too, both must match.',
      }),
    ),
    ...grantFields,
  },
  { additionalProperties: false, description: 'A consumer and its certificate.' },
)
export type CertificateConsumer = Static<typeof CertificateConsumer>

/** Client certificates of mutual TLS; the `clientCertificates` section of the configuration. */
export const CertificateSettings = Type.Object(
  {
    consumers: Type.Array(CertificateConsumer, {
      default: [],
      description: 'Consumers and their certificates. The first that matches is used.',
    }),
    anyTrusted: Type.Boolean({
      default: false,
      description:
        'Accepts every verified certificate. Its common name (CN) is the id of the consumer, which has no scopes and groups. A CN that is a name in `consumers` is refused.',
    }),
    fromProxy: Type.Boolean({
      default: false,
      description:
        'The proxies of `trustProxy` end TLS, verify the certificate and send it in `Client-Cert` (RFC 9440). From other clients the header is not believed. The proxy must remove the header that clients send.',
    }),
  },
  {
    additionalProperties: false,
    description: 'Client certificates (mutual TLS). Required for `auth: { clientCertificate: ... }`.',
  },
)
export type CertificateSettings = Static<typeof CertificateSettings>
