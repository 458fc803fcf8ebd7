import Type, { type Static } from 'typebox'
import { ByteSize } from '../units.ts'

/** Content codings that the gateway makes. */
export const CODINGS = ['zstd', 'br', 'gzip'] as const
export type Coding = (typeof CODINGS)[number]

/** `compress` of the gateway, an upstream or a route. */
export const Compression = Type.Union(
  [
    Type.Boolean(),
    Type.Object(
      {
        encodings: Type.Optional(
          Type.Array(Type.Enum([...CODINGS]), {
            minItems: 1,
            uniqueItems: true,
            description:
              'Content codings, the one first that is taken when a client likes several as well. Default: `zstd`, `br`, `gzip`.',
          }),
        ),
        minSize: Type.Optional(ByteSize({ description: 'Smallest body that is compressed. Default: `1KiB`.' })),
        types: Type.Optional(
          Type.Array(
            Type.String({
              pattern: '^[a-z0-9!#$&^_.+-]+/([a-z0-9!#$&^_.+-]+|\\*)$',
              title: 'media type in small letters, or "text/*"',
            }),
            {
              minItems: 1,
              description:
                'Media types that are compressed, in place of the default: text, JSON, XML, SVG, JavaScript, WebAssembly, uncompressed fonts and their like. Never `text/event-stream`.',
            },
          ),
        ),
      },
      { additionalProperties: false },
    ),
  ],
  {
    title: 'true, false or { encodings, minSize, types }',
    description:
      'Compresses responses for clients that say so in `Accept-Encoding`, and decompresses those in a coding that the client does not take. Leave it off where a secret (a CSRF token, a session) stands in the same body as text that a stranger can choose: over TLS the length alone can give the secret away (BREACH). Default: false.',
  },
)
export type Compression = Static<typeof Compression>
