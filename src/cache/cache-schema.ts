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

/** What part of a request tells responses apart. */
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
            'Parameters of the query that count, or those that do not, such as `utm_*`. What does not count is not sent to the upstream either, so that it cannot change what others get. Default: the whole query counts, as it came.',
        },
      ),
    ),
    headers: HeaderNames('Request headers whose values tell responses apart, whether the response says `Vary` or not.'),
    cookies: Type.Optional(
      Type.Array(Type.String({ minLength: 1 }), {
        maxItems: 20,
        description: 'Cookies whose values tell responses apart.',
      }),
    ),
  },
  { additionalProperties: false, description: 'What tells responses apart beside scheme, host and path.' },
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
              'How long responses are fresh that do not say so themselves. Default: a tenth of the time since `Last-Modified`, or not at all.',
          }),
        ),
        override: Type.Optional(
          Type.Boolean({
            description:
              "Holds `ttl` against the upstream's own word: `Cache-Control` (`private` and `no-store` included), `Expires` and `Pragma` are passed over. Default: false.",
          }),
        ),
        methods: Type.Optional(
          Type.Array(Type.Enum(['GET', 'HEAD', 'QUERY']), {
            minItems: 1,
            uniqueItems: true,
            description:
              'Methods that are answered from the cache. The body of a QUERY is part of its key, to 64 KiB. Default: `GET` and `HEAD`.',
          }),
        ),
        key: Type.Optional(CacheKeyDeclaration),
        vary: HeaderNames('Request headers that responses vary by, beside those of `Vary`.'),
        tags: Type.Optional(
          Type.Array(Type.String({ pattern: '^[\\x21-\\x7E]+$' }), {
            maxItems: 20,
            description: 'Tags by which the responses can be purged, beside those of `Cache-Tag` and `Surrogate-Key`.',
          }),
        ),
        grace: Type.Optional(
          Duration({
            description:
              'How long a stale response may stand in for an upstream that fails, where the upstream does not say (`stale-if-error`). Default: `0`.',
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
                'How long answers of these statuses are fresh that do not say so themselves, such as `{ 404: "10s" }`.',
            },
          ),
        ),
        cookies: Type.Optional(
          Type.Enum(['private', 'share'], {
            description:
              '`private`: a request with cookies that are no part of the key gets nothing stored but what is marked `public`, and a response that sets cookies is not stored. `share`: cookies do not matter, and those that a stored response sets go to everybody. Default: `private`.',
          }),
        ),
        clientControl: Type.Optional(
          Type.Boolean({
            description:
              "Heeds the request's `Cache-Control` and `Pragma`: clients can have a response validated, or the cache passed over. Default: true.",
          }),
        ),
      },
      { additionalProperties: false },
    ),
  ],
  {
    title: 'true, false, or { ttl, methods, key, ... }',
    description: 'Answers from the cache of the gateway what the upstream allows (RFC 9111). Default: false.',
  },
)
export type CacheDeclaration = Static<typeof CacheDeclaration>
export type CacheSettings = Exclude<CacheDeclaration, boolean>

/** `cache` of the configuration. */
export const CacheStoreSettings = Type.Object(
  {
    memory: ByteSize({ default: '64MiB', description: 'Most memory for stored responses in each process.' }),
    inFlight: ByteSize({
      default: '32MiB',
      description:
        'Most memory for responses on their way into the store of each process: until they are stored, and the clients that share them have taken them. Past it further responses are streamed and not stored.',
    }),
    redis: Type.Boolean({
      default: false,
      description:
        'Keeps responses in the Redis of `redis` as well, so that all gateways share them, and restarts lose none. Its `maxmemory-policy` must be `noeviction` or one of `volatile-*`.',
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
              description: 'Where a POST purges responses.',
            }),
            auth: AuthDeclaration,
          },
          { additionalProperties: false },
        ),
      ],
      { default: false, description: 'The address at which stored responses are purged. Off unless stated.' },
    ),
  },
  { additionalProperties: false, default: {}, description: 'Where the responses of cached routes are kept.' },
)
