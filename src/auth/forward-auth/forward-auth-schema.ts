import Type, { type Static } from 'typebox'
import { Duration } from '../../units.ts'

const HeaderName = () => Type.String({ pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$", title: 'header name' })

/** The external service that decides who may come in; the `forwardAuth` section of the configuration. */
export const ForwardAuthSettings = Type.Object(
  {
    url: Type.String({
      pattern: '^https?://',
      title: 'URL that starts with https:// or http://',
      description:
        'What is asked, with GET, about each request. 2xx lets it in; 3xx and 4xx go to the client as they are.',
    }),
    requestHeaders: Type.Array(HeaderName(), {
      default: ['authorization', 'cookie', 'accept', 'x-requested-with'],
      description:
        "Headers of the client that the service gets, beside `X-Forwarded-Method`, `-Proto`, `-Host`, `-Uri` and `-For`, which are the gateway's own.",
    }),
    identity: Type.Object(
      {
        id: Type.Union([Type.Literal(false), HeaderName()], {
          default: 'remote-user',
          description:
            'Header of the answer that says who is calling. Without one, or with `false`, the consumer is `anonymous`.',
        }),
        groups: Type.Union([Type.Literal(false), HeaderName()], {
          default: 'remote-groups',
          description: 'Header of the answer that lists groups.',
        }),
        separator: Type.String({ minLength: 1, default: ',', description: 'What stands between two groups.' }),
        scopes: Type.Union([Type.Literal(false), HeaderName()], {
          default: false,
          description: 'Header of the answer that lists scopes, with spaces between.',
        }),
      },
      {
        additionalProperties: false,
        default: {},
        description:
          "What of the answer tells about the consumer. A client's own copies of these headers reach no upstream.",
      },
    ),
    copyHeaders: Type.Array(HeaderName(), {
      default: [],
      description:
        "Headers of the answer that the upstream gets, and that claims can be found by, in small letters. A client's own copies are removed on every route of the gateway.",
    }),
    withhold: Type.Object(
      {
        headers: Type.Array(HeaderName(), {
          default: ['authorization'],
          description: 'Headers that are for the service.',
        }),
        cookies: Type.Array(Type.String({ minLength: 1 }), {
          default: [],
          description: 'Cookies that are for the service, such as that of its session.',
        }),
      },
      {
        additionalProperties: false,
        default: {},
        description: 'Credentials that no upstream of the same hosts gets, unless `forwardCredentials` is stated.',
      },
    ),
    cacheFor: Duration({
      default: 0,
      description: 'How long it is remembered that a request was let in; refusals never are. 0 asks each time.',
    }),
    cacheBy: Type.Enum(['request', 'headers'], {
      default: 'request',
      description:
        'What such a verdict holds for: requests that are the same in everything that the service is told; or all with the same `requestHeaders`, whatever their method, URL and address, when the service looks at nothing else.',
    }),
    cacheSize: Type.Integer({
      minimum: 1,
      default: 10_000,
      description: 'How many verdicts are remembered, by the SHA-256 of what was told.',
    }),
    timeout: Duration({
      default: '5s',
      description: 'How long the service may take; past it the request is answered 503.',
    }),
  },
  {
    additionalProperties: false,
    description:
      'An external service that decides who may come in, as in Traefik and Caddy. Needed as soon as a route says `auth: { forwardAuth: ... }`.',
  },
)
export type ForwardAuthSettings = Static<typeof ForwardAuthSettings>

/** Headers that describe what a client can read, not who it is. */
const NEGOTIATION = new Set([
  'accept',
  'accept-charset',
  'accept-encoding',
  'accept-language',
  'user-agent',
  'x-requested-with',
])

/** Headers of the client by which the service may decide who is calling, in lower case. */
export const decidingHeaders = ({ requestHeaders }: ForwardAuthSettings): string[] =>
  requestHeaders.map((name) => name.toLowerCase()).filter((name) => !NEGOTIATION.has(name))

/** Headers that upstreams may believe, and that therefore no client may send through. */
export const trustedHeaders = ({ identity: { id, groups, scopes }, copyHeaders }: ForwardAuthSettings): string[] =>
  [...copyHeaders, id, groups, scopes].filter((name) => name !== false)
