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
              'Content codings that are offered. If a client accepts several equally, the first one is used. Default: `zstd`, `br`, `gzip`.',
          }),
        ),
        minSize: Type.Optional(ByteSize({ description: 'Smallest body that is compressed. Default: `1KiB`.' })),
        types: Type.Optional(
          Type.Array(
            Type.String({
              pattern: '^[a-z0-9!#$&^_.+-]+/([a-z0-9!#$&^_.+-]+|\\*)$',
              title: 'media type in lower case, or "text/*"',
            }),
            {
              minItems: 1,
              description:
                'Media types that are compressed. `text/event-stream` never is. Default: text, JSON, XML, SVG, JavaScript, WebAssembly, uncompressed fonts and similar types.',
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
      'Compresses responses for clients that ask for it in `Accept-Encoding`, and decompresses responses in a coding that the client does not accept. Leave it off where a body holds both a secret (a CSRF token, a session) and text that an attacker can choose: the length of the response can reveal the secret, even over TLS (BREACH). Default: false.',
  },
)
export type Compression = Static<typeof Compression>
