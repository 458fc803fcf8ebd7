import { METHODS } from 'node:http'
import Type, { type Static, type TSchema } from 'typebox'
import { AuthDeclaration } from '../auth/auth-schema.ts'
import { Cors, Csrf, SecurityHeaders } from '../browser/browser-schema.ts'
import { CacheDeclaration } from '../cache/cache-schema.ts'
import { IdentityHeaders, Timeouts } from '../config/config-schema.ts'
import { CostDeclaration, LimitDeclaration } from '../limits/limit-schema.ts'
import { ApiDeclaration } from '../openapi/api-declaration-schema.ts'
import { MockDeclaration } from '../openapi/mock/mock-schema.ts'
import { Fallback, Hedging, RouteRetries } from '../traffic/resilience/resilience-schema.ts'
import { ClientCache } from '../response/client-cache-schema.ts'
import { Compression } from '../response/compression-schema.ts'
import { SplitDeclaration } from '../traffic/splitting/split-schema.ts'
import { ByteSize, Duration } from '../units.ts'
import { TARGET_TITLE, TargetDeclaration, TargetText } from './target-schema.ts'
import { trafficFields } from '../config/traffic-schema.ts'

export type { TargetDeclaration } from './target-schema.ts'

const HEADER_NAME = "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"
const HeaderValue = Type.String({
  pattern: '^[\\t\\x20-\\x7E\\x80-\\xFF]*$',
  title: 'header value without control characters',
})
const HeaderName = Type.String({ pattern: HEADER_NAME, title: 'header name' })
const HeaderMap = (description: string) => Type.Record(HeaderName, HeaderValue, { description })

const HeaderRules = (description: string) =>
  Type.Object(
    {
      set: Type.Optional(HeaderMap('Replaces the header, or adds it.')),
      add: Type.Optional(HeaderMap('Adds another value to the header.')),
      remove: Type.Optional(Type.Array(HeaderName, { description: 'Removes the header.' })),
    },
    { additionalProperties: false, description },
  )
export type HeaderRules = Static<ReturnType<typeof HeaderRules>>

/** Methods that a route may have. CONNECT and TRACE are never forwarded (RFC 9110, section 9.3.8). */
export const FORWARDED_METHODS = METHODS.filter((method) => method !== 'CONNECT' && method !== 'TRACE')
const Method = Type.Enum(FORWARDED_METHODS, { title: 'upper-case HTTP method' })

const Path = (description: string) =>
  Type.String({ pattern: '^/[\\x21-\\x7E]*$', title: 'path that starts with "/"', description })
const JsonSchema = Type.Unsafe<TSchema | Record<string, unknown>>({
  type: 'object',
  title: 'JSON Schema or TypeBox schema',
})

const PartialTimeouts = Type.Partial(
  Type.Object(
    Object.fromEntries(
      Object.entries(Timeouts.properties).map(([name, { default: _, ...schema }]: [string, any]) => [name, schema]),
    ) as unknown as typeof Timeouts.properties,
  ),
  { additionalProperties: false, description: 'How long the upstream may take. After that the answer is 504.' },
)

const Limit = Type.Union([Type.Literal(false), LimitDeclaration], {
  title: 'false, { max, window, by }, { concurrent }, { quota: { max, per } }, or a list of these',
})
const RequestValidation = Type.Enum(['off', 'report', 'enforce'], {
  description:
    'What happens to a request that breaks the `openapi` document: nothing (`off`), a log line and a metric (`report`), or 400 (`enforce`). Default: `enforce`. Schemas of routes in this file are always enforced.',
})
const ResponseValidation = Type.Enum(['off', 'report', 'enforce'], {
  description:
    'What happens to a response that breaks its schema: nothing (`off`), a log line and a metric (`report`), or 502 (`enforce`). Default: `off`.',
})

/** Options of both upstreams and routes. The value of the route wins. */
const shared = {
  auth: Type.Optional(AuthDeclaration),
  cors: Type.Optional(Cors),
  csrf: Type.Optional(Csrf),
  securityHeaders: Type.Optional(SecurityHeaders),
  rateLimit: Type.Optional(Limit),
  cost: Type.Optional(CostDeclaration),
  cache: Type.Optional(CacheDeclaration),
  clientCache: Type.Optional(ClientCache),
  compress: Type.Optional(Compression),
  requestHeaders: Type.Optional(HeaderRules('Changes to the headers that the upstream gets.')),
  responseHeaders: Type.Optional(HeaderRules('Changes to the headers that the client gets.')),
  timeouts: Type.Optional(PartialTimeouts),
  bodyLimit: Type.Optional(ByteSize({ description: 'Largest request body. Larger ones are answered 413.' })),
  requestValidation: Type.Optional(RequestValidation),
  responseValidation: Type.Optional(ResponseValidation),
  mock: Type.Optional(MockDeclaration),
  forwardCredentials: Type.Optional(
    Type.Boolean({
      description:
        "Forwards credentials (`Authorization`, keys and tokens in headers, cookies and the query) to the upstream. Default: false, credentials that any route of the same hosts reads are not forwarded. Sessions of the gateway's own login are never forwarded.",
    }),
  ),
  tags: Type.Optional(
    Type.Array(Type.String(), { description: 'Tags in the documentation. Default: the name of the upstream.' }),
  ),
}

const MediaTypes = (description: string) =>
  Type.Array(Type.String({ pattern: '^[\\w!#$&^.+-]+/[\\w!#$&^.+*-]+$' }), { minItems: 1, description })

export const RouteDeclaration = Type.Object(
  {
    method: Type.Union([Method, Type.Array(Method, { minItems: 1, uniqueItems: true })], {
      description: 'One method or several. GET answers HEAD too.',
    }),
    url: Path(
      'Path below the prefix, with parameters (`/:id`), patterns (`/:id(\\d+)`) and a wildcard at its end (`/*`). `/` is the prefix itself.',
    ),
    match: Type.Optional(
      Type.Object(
        {
          headers: Type.Record(HeaderName, Type.String(), {
            description: 'Headers that must have exactly these values.',
          }),
        },
        { additionalProperties: false, description: 'More conditions for the route.' },
      ),
    ),
    schema: Type.Optional(
      Type.Object(
        {
          params: Type.Optional(JsonSchema),
          querystring: Type.Optional(JsonSchema),
          headers: Type.Optional(JsonSchema),
          body: Type.Optional(JsonSchema),
          response: Type.Optional(
            Type.Record(Type.String({ pattern: '^([1-5]\\d\\d|[1-5][xX][xX]|default)$' }), JsonSchema),
          ),
          consumes: Type.Optional(MediaTypes('Media types of the body. Default: `application/json`.')),
          produces: Type.Optional(
            MediaTypes(
              'Media types of successful responses, for the documentation: `text/event-stream` adds a command for `curl`. Default: `application/json`.',
            ),
          ),
          summary: Type.Optional(Type.String()),
          description: Type.Optional(Type.String()),
          operationId: Type.Optional(Type.String()),
          deprecated: Type.Optional(Type.Boolean()),
          hide: Type.Optional(Type.Boolean({ description: 'Leaves the route out of the documentation.' })),
        },
        {
          additionalProperties: false,
          description: 'Schemas of valid requests and responses. Requests that break them never reach the upstream.',
        },
      ),
    ),
    rewritePath: Type.Optional(
      Path("Path that the upstream gets instead, such as `/v2/items/:id`. `*` stands for the wildcard's text."),
    ),
    redirect: Type.Optional(
      Type.Object(
        {
          to: Type.String({
            pattern: '^(https?://|/)[\\x21-\\x7E]*$',
            title: 'absolute URL or path',
            description: 'Target of the redirect, with the parameters of the route. The query is kept.',
          }),
          status: Type.Optional(Type.Enum([301, 302, 303, 307, 308], { description: 'Default: 308.' })),
        },
        { additionalProperties: false, description: 'Answers with a redirect instead of forwarding.' },
      ),
    ),
    websocket: Type.Optional(Type.Boolean({ description: 'Lets WebSocket upgrades through on this GET route.' })),
    mirror: Type.Optional(
      Type.Boolean({ description: 'Whether requests are copied to the `mirror` of the upstream. Default: true.' }),
    ),
    retries: Type.Optional(RouteRetries),
    hedging: Type.Optional(Hedging),
    fallback: Type.Optional(Fallback),
    ...shared,
  },
  { additionalProperties: false },
)
export type RouteDeclaration = Static<typeof RouteDeclaration>

/** Targets: a list, or one target as text. */
const listOrText = (options: { description: string }) =>
  Type.Union([TargetText, Type.Array(TargetDeclaration, { minItems: 1 })], {
    title: `${TARGET_TITLE}; one as text, or a list of them`,
    ...options,
  })

/**
 * Labels may have underscores. Host names have none (RFC 1123, section 2.1), but DNS (RFC 2181, section 11) and
 * browsers accept them.
 */
const LABEL = '[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?'
const HOST_TITLE = 'host name in lower case, or "*.example.com"'
const HostName = Type.String({ pattern: `^(\\*\\.)?${LABEL}(\\.${LABEL})*$`, title: HOST_TITLE })

/** `mirror` of an upstream. */
const MirrorSettings = Type.Object(
  {
    targets: listOrText({ description: 'Where the service that gets the copies runs.' }),
    percent: Type.Optional(
      Type.Number({ minimum: 0, maximum: 100, description: 'Share of the requests that are copied. Default: 100.' }),
    ),
    maxRequests: Type.Optional(
      Type.Integer({
        minimum: 1,
        description: 'Most copies in flight. Further requests are not copied.',
      }),
    ),
    maxBody: Type.Optional(ByteSize({ description: 'Largest body that is copied. Default: `64KiB`.' })),
    timeout: Type.Optional(Duration({ description: 'How long that service may take to answer. Default: `10s`.' })),
  },
  {
    additionalProperties: false,
    description:
      'Sends a copy of each request to another service, with `X-Gatehouse-Mirror: 1`, and discards its answer. The copy never slows or fails the request. WebSockets are not copied.',
  },
)
/** `mirror` with its targets as a list. */
export type MirrorSettings = Omit<Static<typeof MirrorSettings>, 'targets'> & { targets: TargetDeclaration[] }

/** `targets` of an upstream. */
export const Targets = listOrText({
  description:
    'Where the service runs. Required unless `mock` answers for it. `balance` chooses among several targets. If a target refuses the connection, another one gets the request. `dns` states how names are looked up. `srv:` and `file:` stand for a changing number of targets.',
})

/** The contract of an upstream file. `docs/upstream-reference.md` is generated from it. */
export const UpstreamDeclaration = Type.Object(
  {
    name: Type.String({
      pattern: '^[a-z0-9]+(-[a-z0-9]+)*$',
      title: 'kebab-case name',
      description:
        'Name of the upstream, unique in the gateway. It appears in logs and limits, and as the tag of its operations.',
    }),
    description: Type.Optional(Type.String({ description: 'What the API is for. Shown in the documentation.' })),
    prefix: Type.Optional(
      Type.String({
        pattern: '^(/[A-Za-z0-9._~-]+)*/?$',
        title: 'path such as "/orders"',
        description: 'Path under which the routes are. Default: `/`.',
      }),
    ),
    hosts: Type.Optional(
      Type.Union([HostName, Type.Array(HostName, { minItems: 1, uniqueItems: true })], {
        title: `${HOST_TITLE}, or a list of these`,
        description:
          'Hosts that the upstream answers for: exact names, or `*.example.com` for one label. Default: every host.',
      }),
    ),
    targets: Type.Optional(Targets),
    openapi: Type.Optional(ApiDeclaration),
    routes: Type.Optional(Type.Array(RouteDeclaration, { description: 'The declared operations.' })),
    passThrough: Type.Optional(
      Type.Union(
        [
          Type.Boolean(),
          Type.Object(
            {
              auth: Type.Optional(AuthDeclaration),
              rateLimit: Type.Optional(Limit),
              websocket: Type.Optional(
                Type.Boolean({ description: 'Forwards WebSocket upgrades too. Default: true.' }),
              ),
            },
            { additionalProperties: false },
          ),
        ],
        {
          title: 'true, false, or { auth, rateLimit, websocket }',
          description:
            'Forwards the paths below the prefix that no route declares, WebSockets included. Default: false, these paths are answered 404.',
        },
      ),
    ),
    paths: Type.Optional(
      Type.Enum(['canonical', 'as-is'], {
        description:
          'How paths are forwarded. `canonical`: in one canonical form, and ambiguous paths are refused. `as-is`: byte for byte. `as-is` requires a pass-through that is alone on its `hosts`, without a prefix, routes or a document. Default: `canonical`.',
      }),
    ),
    stripPrefix: Type.Optional(Type.Boolean({ description: 'Forwards the path without the prefix. Default: false.' })),
    preserveHost: Type.Optional(
      Type.Boolean({
        description:
          "Sends the client's `Host` to the targets. With false they get the host of their own address. " +
          "Default: the gateway's setting; without one, true if the upstream has `hosts`, else false.",
      }),
    ),
    sendRealIp: Type.Optional(
      Type.Boolean({
        description: "Sends `X-Real-IP`, the client's address as limits see it. Default: the gateway's setting, false.",
      }),
    ),
    identityHeaders: Type.Optional(IdentityHeaders),
    forwardMethodOverride: Type.Optional(
      Type.Boolean({
        description:
          "Forwards `X-HTTP-Method-Override`, `X-HTTP-Method` and `X-Method-Override`. Many services let these replace the method by which the route, its `auth` and its limits were chosen. Never sent on cached routes. Default: the gateway's setting, false.",
      }),
    ),
    split: Type.Optional(SplitDeclaration),
    mirror: Type.Optional(MirrorSettings),
    ...trafficFields,
    ...shared,
  },
  { additionalProperties: false },
)
/** The content of an upstream file, short forms included. */
export type UpstreamInput = Static<typeof UpstreamDeclaration>
/** An upstream with its short forms written out. */
export type UpstreamDeclaration = WithLists<UpstreamInput>

/** A declaration with hosts and targets as lists. */
export type WithLists<Declared> = Omit<Declared, 'hosts' | 'targets' | 'mirror'> & {
  hosts?: string[]
  targets?: TargetDeclaration[]
  mirror?: MirrorSettings
}

/**
 * Expands the short forms of a declaration: hosts and targets become lists. Invalid values are not changed.
 * @param declaration  anything; it is not changed
 */
export function withLists<Declared>(declaration: Declared): WithLists<Declared> {
  if (!isObject(declaration)) return declaration as WithLists<Declared>
  const lists: Record<string, unknown> = { ...declaration }
  for (const key of ['hosts', 'targets']) if (typeof lists[key] === 'string') lists[key] = [lists[key]]
  const { mirror } = lists
  if (isObject(mirror) && typeof mirror.targets === 'string') lists.mirror = { ...mirror, targets: [mirror.targets] }
  return lists as WithLists<Declared>
}

/** Whether a value is an object with fields. */
export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
