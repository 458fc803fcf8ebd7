import Type, { type Static } from 'typebox'
import { Duration } from '../../units.ts'
import { type Consumer, HttpUrl } from '../auth-schema.ts'

const HeaderName = () => Type.String({ pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$", title: 'header name' })

/** The `forwardAuth` section of the configuration: the external service that decides who may call. */
export const ForwardAuthSettings = Type.Object(
  {
    url: HttpUrl(
      'URL that gets a GET for each request. 2xx lets the request in. 3xx and 4xx are sent to the client unchanged.',
    ),
    requestHeaders: Type.Array(HeaderName(), {
      default: ['authorization', 'cookie', 'accept', 'x-requested-with'],
      description:
        'Headers of the client that are sent to the service, in addition to `X-Forwarded-Method`, `-Proto`, `-Host`, `-Uri` and `-For`, which the gateway makes.',
    }),
    identity: Type.Object(
      {
        id: Type.Union([Type.Literal(false), HeaderName()], {
          default: 'remote-user',
          description:
            'Header of the answer that names the consumer. Without it, or with `false`, the consumer is `anonymous`.',
        }),
        groups: Type.Union([Type.Literal(false), HeaderName()], {
          default: 'remote-groups',
          description: 'Header of the answer that lists groups.',
        }),
        separator: Type.String({ minLength: 1, default: ',', description: 'Separator of groups.' }),
        scopes: Type.Union([Type.Literal(false), HeaderName()], {
          default: false,
          description: 'Header of the answer that lists scopes, separated by spaces.',
        }),
      },
      {
        additionalProperties: false,
        default: {},
        description:
          "Headers of the answer that describe the consumer. A client's own copies of these headers are not forwarded.",
      },
    ),
    copyHeaders: Type.Array(HeaderName(), {
      default: [],
      description:
        "Headers of the answer that are sent to the upstream, and that are claims, with lower-case names. A client's own copies are removed on every route of the gateway.",
    }),
    withhold: Type.Object(
      {
        headers: Type.Array(HeaderName(), {
          default: ['authorization'],
          description: 'Headers for the service only.',
        }),
        cookies: Type.Array(Type.String({ minLength: 1 }), {
          default: [],
          description: 'Cookies for the service only, such as that of its session.',
        }),
      },
      {
        additionalProperties: false,
        default: {},
        description:
          'Credentials that are not forwarded to upstreams of the same hosts, unless `forwardCredentials` is set.',
      },
    ),
    cacheFor: Duration({
      default: 0,
      description: 'How long the decision to let a request in is remembered. Refusals never are. 0 asks each time.',
    }),
    cacheBy: Type.Enum(['request', 'headers'], {
      default: 'request',
      description:
        'To which requests a remembered decision applies. `request`: those that are identical in everything that the service is sent. `headers`: those with the same `requestHeaders`, whatever their method, URL and address; only if the service looks at nothing else.',
    }),
    cacheSize: Type.Integer({
      minimum: 1,
      default: 10_000,
      description: 'How many decisions are remembered, by the SHA-256 of what the service was sent.',
    }),
    timeout: Duration({
      default: '5s',
      description: 'How long the service may take. After that the answer is 503.',
    }),
  },
  {
    additionalProperties: false,
    description:
      'An external service that decides who may call, as in Traefik and Caddy. Required for `auth: { forwardAuth: ... }`.',
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

/** The id of a consumer that the service lets in without naming it. */
export const ANONYMOUS = 'anonymous'

/** Whether a consumer is let in without a name. It may be any client, so no cached response belongs to it. */
export const isAnonymous = ({ scheme, id }: Consumer): boolean => scheme === 'forwardAuth' && id === ANONYMOUS
