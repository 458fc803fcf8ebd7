import Type, { type Static } from 'typebox'
import { AuthDeclaration } from '../auth/auth-schema.ts'
import { ByteSize, Duration } from '../units.ts'

const HeaderNames = (description: string) =>
  Type.Optional(
    Type.Array(Type.String({ pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$", title: 'header name' }), {
      maxItems: 20,
      description,
    }),
  )
const ParameterNames = Type.Array(
  Type.String({ minLength: 1, title: 'name of a parameter, or its beginning and "*"' }),
  { maxItems: 100 },
)

/** The parts of a request that are in the cache key, besides scheme, host and path. */
const CacheKeyDeclaration = Type.Object(
  {
    query: Type.Optional(
      Type.Union(
        [
          Type.Object({ allow: ParameterNames }, { additionalProperties: false }),
          Type.Object({ deny: ParameterNames }, { additionalProperties: false }),
        ],
        {
          title: '{ allow: [...] } or { deny: [...] }',
          description:
            'Query parameters that are part of the key: `{ allow: [...] }`, or all but some, `{ deny: ["utm_*"] }`. The others are not sent to the upstream either, so that they cannot change what other clients get. Default: the whole query, as it was sent.',
        },
      ),
    ),
    headers: HeaderNames(
      'Request headers whose values are part of the key, whether the response has them in `Vary` or not.',
    ),
    cookies: Type.Optional(
      Type.Array(Type.String({ minLength: 1 }), {
        maxItems: 20,
        description: 'Cookies whose values are part of the key.',
      }),
    ),
  },
  { additionalProperties: false, description: 'What is part of the cache key, besides scheme, host and path.' },
)

/** `cache` of an upstream or a route. */
export const CacheDeclaration = Type.Union(
  [
    Type.Boolean(),
    Type.Object(
      {
        ttl: Type.Optional(
          Duration({
            description:
              'How long a response is fresh if the upstream does not say so. Default: a tenth of the time since `Last-Modified`, at most a day; without that header, never.',
          }),
        ),
        override: Type.Optional(
          Type.Boolean({
            description:
              'Uses `ttl` even if the upstream says otherwise: its `Cache-Control` (also `private` and `no-store`) and `Expires` are ignored. Has an effect only with `ttl`. Default: false.',
          }),
        ),
        methods: Type.Optional(
          Type.Array(Type.Enum(['GET', 'HEAD', 'QUERY']), {
            minItems: 1,
            uniqueItems: true,
            description:
              'Methods that are answered from the cache. The body of a `QUERY` is part of its key, up to 64 KiB. Default: `GET` and `HEAD`.',
          }),
        ),
        key: Type.Optional(CacheKeyDeclaration),
        vary: HeaderNames('Request headers that are treated as if each response had them in `Vary`.'),
        tags: Type.Optional(
          Type.Array(Type.String({ pattern: '^[\\x21-\\x7E]+$' }), {
            maxItems: 20,
            description:
              'Tags to purge the responses by, besides those of their `Cache-Tag` and `Surrogate-Key` headers.',
          }),
        ),
        grace: Type.Optional(
          Duration({
            description:
              'How long a stale response may be sent instead of an error of the upstream, if the response has no `stale-if-error`. Default: `0`.',
          }),
        ),
        maxObjectSize: Type.Optional(ByteSize({ description: 'Largest body that is stored. Default: `1MiB`.' })),
        negative: Type.Optional(
          Type.Record(
            Type.String({
              pattern: '^(?!412|416|428|429|431|511)[45]\\d\\d$',
              title: 'status from 400 to 599 that may be stored (not 412, 416, 428, 429, 431, 511)',
            }),
            Duration({ description: 'How long.' }),
            {
              description:
                'How long errors are fresh if the upstream does not say so, by status, such as `{ 404: "10s" }`.',
            },
          ),
        ),
        cookies: Type.Optional(
          Type.Enum(['private', 'share'], {
            description:
              '`private`: a request with cookies that are not part of the key gets only stored responses that are marked `public`, and a response that sets cookies is not stored. `share`: cookies do not matter, and the `Set-Cookie` of a stored response is sent to everyone. Default: `private`.',
          }),
        ),
        clientControl: Type.Optional(
          Type.Boolean({
            description:
              'Whether clients may revalidate a response or bypass the cache with `Cache-Control` and `Pragma`. Default: true.',
          }),
        ),
      },
      { additionalProperties: false },
    ),
  ],
  {
    title: 'true, false, or { ttl, methods, key, ... }',
    description:
      'Stores responses as the upstream allows (RFC 9111) and answers later requests from them. Default: false.',
  },
)
export type CacheDeclaration = Static<typeof CacheDeclaration>
export type CacheSettings = Exclude<CacheDeclaration, boolean>

/** `cache` of the configuration. */
export const CacheStoreSettings = Type.Object(
  {
    memory: ByteSize({ default: '64MiB', description: 'Most memory for stored responses, in each process.' }),
    inFlight: ByteSize({
      default: '32MiB',
      description:
        'Most memory for responses that are being stored, in each process. A response counts until it is stored and every client that shares it has received it. When the memory is used up, further responses are streamed and not stored.',
    }),
    redis: Type.Boolean({
      default: false,
      description:
        'Also stores responses in the Redis of `redis`, so that all gateways share them and a restart does not lose them. Its `maxmemory-policy` must be `noeviction` or one of `volatile-*`.',
    }),
    purge: Type.Union(
      [
        Type.Literal(false),
        Type.Object(
          {
            path: Type.String({
              default: '/cache/purge',
              pattern: '^/[A-Za-z0-9._~/-]+$',
              title: 'path such as "/cache/purge"',
              description: 'Path of the purge endpoint. A `POST` to it purges responses.',
            }),
            auth: AuthDeclaration,
          },
          { additionalProperties: false },
        ),
      ],
      { default: false, description: 'Endpoint that purges stored responses. Default: false, there is none.' },
    ),
  },
  { additionalProperties: false, default: {}, description: 'Where the responses of cached routes are stored.' },
)
