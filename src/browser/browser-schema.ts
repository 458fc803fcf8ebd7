import Type, { type Static } from 'typebox'
import { Duration } from '../units.ts'

const Token = "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"
const Origin = Type.String({
  pattern:
    '^(null|https?://(\\*\\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\\d{1,5})?|https?://\\[[0-9a-f:.]+\\](:\\d{1,5})?)$',
  title: 'origin in lower case such as "https://app.example.com", "https://*.example.com", or "null"',
})
const HeaderNames = (description: string) =>
  Type.Optional(Type.Array(Type.String({ pattern: Token, title: 'header name' }), { description }))

const CorsRules = Type.Object(
  {
    origins: Type.Union([Type.Literal('*'), Type.Array(Origin, { minItems: 1 })], {
      title: '"*", or a list of origins',
      description:
        'Origins whose pages may read the answers: exact ones, `https://*.example.com` for one label, or `"*"` for every page, which excludes `credentials`. `"null"` stands for sandboxed pages and local files; anyone can create such a page.',
    }),
    methods: Type.Optional(
      Type.Array(Type.String({ pattern: Token, title: 'HTTP method' }), {
        minItems: 1,
        description: 'Methods that a preflight allows. Default: the method that it asks for, if a route has it.',
      }),
    ),
    headers: HeaderNames('Request headers that a preflight allows. Default: those that it asks for.'),
    exposedHeaders: HeaderNames('Response headers that pages may read, besides the safelisted ones. Default: none.'),
    credentials: Type.Optional(
      Type.Boolean({ description: 'Whether pages may send cookies and other credentials. Default: false.' }),
    ),
    maxAge: Type.Optional(
      Duration({ description: 'How long browsers may keep the answer to a preflight. Default: `10 minutes`.' }),
    ),
  },
  { additionalProperties: false },
)
export type CorsRules = Static<typeof CorsRules>

/** `cors` of the gateway, an upstream or a route. */
export const Cors = Type.Union([Type.Literal(false), CorsRules], {
  title: 'false or { origins, methods, headers, exposedHeaders, credentials, maxAge }',
  description:
    'Which pages of other origins may call the API from a browser (CORS). The gateway answers preflights, before authentication and limits. WebSockets of pages whose origin is not listed are refused. Default: false, the upstream handles CORS itself.',
})
export type Cors = Static<typeof Cors>

/** `csrf` of the gateway, an upstream or a route. */
export const Csrf = Type.Union(
  [
    Type.Boolean(),
    Type.Object(
      {
        trustedOrigins: Type.Array(Origin, {
          minItems: 1,
          description: 'Further origins whose pages may send requests that make changes.',
        }),
      },
      { additionalProperties: false },
    ),
  ],
  {
    title: 'true, false or { trustedOrigins }',
    description:
      'Refuses requests that make changes, and WebSockets, if they carry an authenticating cookie and come from a page of another origin. It has an effect on routes with a scheme that takes credentials from a cookie. On routes with `basic`, `clientCertificate` or `forwardAuth`, whose credentials browsers add by themselves, it refuses such WebSockets without a cookie too. Default: true.',
  },
)
export type Csrf = Static<typeof Csrf>

const Word = (description: string, ...words: string[]) =>
  Type.Optional(Type.Union([Type.Literal(false), Type.Enum(words)], { description }))

const SecurityRules = Type.Object(
  {
    strictTransportSecurity: Type.Optional(
      Type.Union(
        [
          Type.Literal(false),
          Type.Object(
            {
              maxAge: Duration({ description: 'How long browsers use only HTTPS.' }),
              includeSubDomains: Type.Optional(Type.Boolean({ description: 'Default: true.' })),
              preload: Type.Optional(Type.Boolean({ description: 'Default: false.' })),
            },
            { additionalProperties: false },
          ),
        ],
        {
          description:
            '`Strict-Transport-Security`, sent only to clients that use TLS (behind a TLS terminator, set `trustProxy`). Default: a year, subdomains included.',
        },
      ),
    ),
    contentSecurityPolicy: Type.Optional(
      Type.Union(
        [
          Type.Literal(false),
          Type.Record(Type.String({ pattern: '^[a-z-]+$' }), Type.Array(Type.String({ pattern: '^[^;,\\s]+$' }))),
        ],
        {
          description:
            "`Content-Security-Policy`: directives and their values, such as `{ 'default-src': [\"'self'\"] }`. Default: false, since a policy must fit the pages.",
        },
      ),
    ),
    frameOptions: Word('`X-Frame-Options`. Default: `SAMEORIGIN`.', 'DENY', 'SAMEORIGIN'),
    referrerPolicy: Word(
      '`Referrer-Policy`. Default: `strict-origin-when-cross-origin`.',
      'no-referrer',
      'no-referrer-when-downgrade',
      'origin',
      'origin-when-cross-origin',
      'same-origin',
      'strict-origin',
      'strict-origin-when-cross-origin',
      'unsafe-url',
    ),
    contentTypeOptions: Type.Optional(
      Type.Boolean({ description: '`X-Content-Type-Options: nosniff`. Default: true.' }),
    ),
    crossOriginOpenerPolicy: Word(
      '`Cross-Origin-Opener-Policy`. Default: false.',
      'same-origin',
      'same-origin-allow-popups',
      'unsafe-none',
    ),
    crossOriginResourcePolicy: Word(
      '`Cross-Origin-Resource-Policy`. Default: false.',
      'same-origin',
      'same-site',
      'cross-origin',
    ),
    override: Type.Optional(
      Type.Boolean({
        description:
          "Replaces headers of the same name that the upstream sends. Default: false, the upstream's headers win.",
      }),
    ),
  },
  { additionalProperties: false },
)
export type SecurityRules = Static<typeof SecurityRules>

/** `securityHeaders` of the gateway, an upstream or a route. */
export const SecurityHeaders = Type.Union([Type.Boolean(), SecurityRules], {
  title: 'true, false or { strictTransportSecurity, contentSecurityPolicy, frameOptions, ... }',
  description: 'Security headers for browsers, on every answer of a route. `true` sends the defaults. Default: false.',
})
export type SecurityHeaders = Static<typeof SecurityHeaders>
