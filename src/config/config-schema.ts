import Type, { type Static } from 'typebox'
import { AuthDeclaration } from '../auth/auth-schema.ts'
import { ApiKeySettings } from '../auth/api-key/api-key-schema.ts'
import { BasicSettings } from '../auth/basic/basic-schema.ts'
import { CertificateSettings } from '../auth/client-certificate/client-certificate-schema.ts'
import { ForwardAuthSettings } from '../auth/forward-auth/forward-auth-schema.ts'
import { SignatureSettings } from '../auth/http-signature/http-signature-schema.ts'
import { IntrospectionSettings } from '../auth/introspection/introspection-schema.ts'
import { JwtSettings } from '../auth/jwt/jwt-schema.ts'
import { LoginSettings } from '../auth/login/login-schema.ts'
import { ConsumerEntries } from '../auth/consumer-directory.ts'
import { Cors, Csrf, SecurityHeaders } from '../browser/browser-schema.ts'
import { LimitDeclaration, LimitSettings, Plans } from '../limits/limit-schema.ts'
import { RedisSettings } from '../redis/redis-schema.ts'
import { CacheStoreSettings } from '../cache/cache-schema.ts'
import { Compression } from '../response/compression-schema.ts'
import { ByteSize, Duration } from '../units.ts'
import { trafficFields } from './traffic-schema.ts'

export const Timeouts = Type.Object(
  {
    connect: Duration({ default: '5s', description: 'Time until the connection to a target is open, TLS included.' }),
    firstByte: Duration({
      default: '60s',
      description: 'Time from the sent request to the first byte of the response.',
    }),
    idle: Duration({
      default: '60s',
      description:
        'Time between two pieces of a response body, from the upstream or to the client. It does not apply to WebSockets.',
    }),
    websocket: Type.Optional(
      Duration({
        description:
          'Time without a byte in either direction on a WebSocket, pings included. Then both sides are closed with 1001. 0 has no limit. Default: 0.',
      }),
    ),
    total: Type.Optional(
      Duration({
        description:
          'Time from the first attempt until the client gets its answer, with all attempts and the pauses between them. 0 has no limit. A streamed response is no longer bound by it once its head has arrived. Default: 0.',
      }),
    ),
  },
  { additionalProperties: false, description: 'How long an upstream may take. After that the answer is 504.' },
)

const HeaderName = "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"

/** Which claims reach the upstream, and in which headers. */
export const IdentityHeaders = Type.Record(Type.String({ pattern: HeaderName }), Type.String(), {
  description:
    'Headers that tell the upstream who is calling: header name to claim. `scope` is every scope, joined by spaces. A dot reaches into objects. Copies of these headers that a client sends are always removed.',
})

/**
 * The whole configuration of a gateway. The type, the defaults, the checks and `docs/configuration.md` are all derived
 * from this schema.
 */
export const ConfigSchema = Type.Object(
  {
    host: Type.String({
      default: '127.0.0.1',
      minLength: 1,
      description: 'Address to listen on; `0.0.0.0` or `::` for every interface.',
    }),
    port: Type.Integer({
      minimum: 0,
      maximum: 65535,
      default: 3000,
      description: 'TCP port to listen on; 0 lets the system choose.',
    }),
    routes: Type.String({
      default: './routes',
      description:
        'Folder of the upstream files. Relative paths start at the configuration file, or at the working directory when there is none.',
    }),
    openapi: Type.String({
      default: './openapi',
      description: 'Folder of the API documents; `gateway.yaml` in it gives title, description and servers.',
    }),
    trustProxy: Type.Array(Type.String(), {
      default: [],
      description:
        'Addresses and networks (CIDR) of proxies in front of the gateway. `Forwarded`, `X-Forwarded-*` and `X-Request-Id` are believed only from these.',
    }),
    auth: Type.Optional(AuthDeclaration),
    cors: Type.Optional(Cors),
    csrf: Type.Optional(Csrf),
    securityHeaders: Type.Optional(SecurityHeaders),
    jwt: Type.Optional(JwtSettings),
    introspection: Type.Optional(IntrospectionSettings),
    forwardAuth: Type.Optional(ForwardAuthSettings),
    signatures: Type.Optional(SignatureSettings),
    apiKeys: Type.Optional(ApiKeySettings),
    basic: Type.Optional(BasicSettings),
    clientCertificates: Type.Optional(CertificateSettings),
    login: Type.Optional(LoginSettings),
    failedAttempts: Type.Union(
      [
        Type.Literal(false),
        Type.Object(
          {
            max: Type.Integer({
              minimum: 1,
              default: 100,
              description:
                'Failures that a window allows for an address and scheme. With Basic: for an address and user name, and ten times as many for an address alone.',
            }),
            window: Duration({ default: '1 minute', description: 'Length of the window.' }),
          },
          { additionalProperties: false },
        ),
      ],
      {
        default: {},
        description:
          'How often an address (IPv6 by /64) may send wrong credentials of one scheme (with Basic: for one user name). After that, credentials are answered 429 before any cryptography runs, unless they have been verified before. Sessions of `login` are never counted. `false` has no limit.',
      },
    ),
    identityHeaders: Type.Optional(IdentityHeaders),
    forwardMethodOverride: Type.Boolean({
      default: false,
      description:
        'Whether upstreams get `X-HTTP-Method-Override`, `X-HTTP-Method` and `X-Method-Override`. Many services let these replace the method. An upstream can override this.',
    }),
    sendRealIp: Type.Boolean({
      default: false,
      description:
        "Whether upstreams get `X-Real-IP`, the client's address as limits see it. An upstream can override this. " +
        "A client's own copy is never sent on.",
    }),
    preserveHost: Type.Optional(
      Type.Boolean({
        description:
          "Whether upstreams get the client's `Host`. An upstream can override this. " +
          'Default: true for upstreams that state `hosts`. The others get the host of their target, and `X-Forwarded-Host`.',
      }),
    ),
    rateLimit: Type.Optional(
      Type.Union([Type.Literal(false), LimitDeclaration], {
        description: 'A limit on all routes together. Default: none.',
      }),
    ),
    limits: LimitSettings,
    plans: Type.Optional(Plans),
    planClaim: Type.Optional(
      Type.String({
        minLength: 1,
        description: 'Claim that names the plan of a consumer, or a path with dots. Default: none.',
      }),
    ),
    defaultPlan: Type.Optional(
      Type.String({ minLength: 1, description: 'Plan of the consumers that have no other. Default: none.' }),
    ),
    consumers: Type.Optional(ConsumerEntries),
    redis: Type.Optional(
      Type.Unsafe<RedisSettings>({
        ...RedisSettings,
        description:
          'A Redis or Valkey that several gateways share. It holds the rate limits and, with `cache.redis`, stored responses. Its URL, `{ cluster: [URLs] }`, or `{ sentinels: [URLs], name }`. Default: none, each process uses its own memory.',
      }),
    ),
    cache: CacheStoreSettings,
    compress: Type.Optional(Compression),
    bodyLimit: ByteSize({
      default: '1MiB',
      description:
        'Largest request body that is collected for validation. Larger ones are answered 413. Bodies that no schema checks are streamed. They have no limit unless the upstream or route states one.',
    }),
    bodyMemory: ByteSize({
      default: '64MiB',
      description:
        'Most bytes of collected request bodies that are held at once. A body is held until its request is answered. Further bodies are answered 503.',
    }),
    timeouts: Timeouts,
    ...trafficFields,
    stickySecret: Type.Optional(
      Type.String({
        minLength: 32,
        writeOnly: true,
        description:
          'Secret that signs the cookies of `balance: { sticky }`. Use the same one for all processes that serve the same clients. Default: a random one for each process, so clients may change their target after a restart.',
      }),
    ),
    via: Type.String({
      default: 'gatehouse',
      pattern: HeaderName,
      title: 'name of letters, digits and -._~',
      description: 'Name of this gateway in the `Via` header (RFC 9110, section 7.6.3).',
    }),
    docs: Type.Union(
      [
        Type.Literal(false),
        Type.Object(
          {
            path: Type.String({
              default: '/docs',
              pattern: '^/[A-Za-z0-9._~/-]*[A-Za-z0-9._~-]$',
              title: 'path such as "/docs"',
              description:
                'Path of Swagger UI. The merged document is below it at `/json` and `/yaml`, those of single upstreams at `/upstreams/<name>.json` and `.yaml`.',
            }),
            auth: Type.Optional(
              Type.Unsafe<AuthDeclaration>({
                ...AuthDeclaration,
                description:
                  "Who may read the documentation. Default: every client, with a warning at boot. `'none'` states that this is intended.",
              }),
            ),
            hideScopes: Type.Array(
              Type.String({
                pattern: '^[\\x21\\x23-\\x5B\\x5D-\\x7E]+$',
                title: 'a scope, or the beginning of a scope followed by `*`',
              }),
              {
                default: [],
                description:
                  "Operations that cannot be called without one of these scopes are served, but not documented. `*` at the end matches any rest, as in `['admin:*']`.",
              },
            ),
          },
          { additionalProperties: false },
        ),
      ],
      { default: {}, description: 'The generated documentation; `false` switches it off.' },
    ),
    status: Type.Union(
      [
        Type.Literal(false),
        Type.Object(
          {
            path: Type.String({
              default: '/status',
              pattern: '^/[A-Za-z0-9._~/-]+$',
              title: 'path such as "/status"',
              description: 'Path of the state of upstreams and targets, as JSON.',
            }),
            auth: AuthDeclaration,
          },
          { additionalProperties: false },
        ),
      ],
      {
        default: false,
        description: 'The state of upstreams and targets. Off by default, since it shows internal addresses.',
      },
    ),
    metrics: Type.Union(
      [
        Type.Literal(false),
        Type.Object(
          {
            path: Type.String({
              default: '/metrics',
              pattern: '^/[A-Za-z0-9._~/-]+$',
              title: 'path such as "/metrics"',
              description: 'Path of the metrics, in the Prometheus text format.',
            }),
            auth: AuthDeclaration,
          },
          { additionalProperties: false },
        ),
      ],
      { default: false, description: 'Prometheus metrics. Off by default, since they reveal traffic.' },
    ),
    welcome: Type.Union(
      [
        Type.Literal(false),
        Type.Object(
          {
            path: Type.String({
              default: '/',
              pattern: '^/(?:[A-Za-z0-9._~/-]*[A-Za-z0-9._~-])?$',
              title: 'path such as "/"',
              description: 'Path of the page. An upstream that answers there goes first.',
            }),
            auth: Type.Unsafe<AuthDeclaration>({ ...AuthDeclaration, default: 'none', description: 'Who may see it.' }),
          },
          { additionalProperties: false },
        ),
      ],
      {
        default: false,
        description:
          'A page with links to the documentation, status and metrics, if they are on. Off by default, so that a gateway does not advertise itself. The demo has it on.',
      },
    ),
    log: Type.Object(
      {
        level: Type.Enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], {
          default: 'info',
          description: 'Lowest level that is logged.',
        }),
        format: Type.Enum(['auto', 'json', 'pretty'], {
          default: 'auto',
          description:
            '`pretty` writes one short line for each request. `auto` is pretty on a terminal and JSON elsewhere.',
        }),
        access: Type.Boolean({ default: true, description: 'Writes one line for each request.' }),
      },
      { additionalProperties: false, default: {}, description: 'What is written to standard output.' },
    ),
    listener: Type.Object(
      {
        maxHeaderSize: ByteSize({
          default: '16KiB',
          description: 'Largest request header section. Larger ones are answered 431.',
        }),
        headersTimeout: Duration({ default: '15s', description: 'How long a client may take to send the headers.' }),
        requestTimeout: Duration({
          default: 0,
          description:
            'How long a client may take to send the whole request. 0 has no limit, so that large uploads pass.',
        }),
        bodyIdleTimeout: Duration({
          default: '30s',
          description:
            'Longest time without a byte while a request body arrives. After that the answer is 408 and the connection closes. Only time during which the gateway reads counts, not while the upstream takes the body slowly, and not before `100 Continue`. 0 has no limit.',
        }),
        minBodyRate: ByteSize({
          default: '1KiB',
          description:
            'Lowest rate of a request body in bytes a second, on average over 60 s during which the gateway reads. Slower ones are answered 408. 0 has no limit.',
        }),
        keepAliveTimeout: Duration({ default: '72s', description: 'How long an idle client connection stays open.' }),
        maxConnections: Type.Optional(
          Type.Integer({
            minimum: 0,
            description:
              'Most client connections at once. Further ones are closed. 0 has no limit. Default: half of the limit of open files (`ulimit -n`), since a forwarded request needs a connection to its upstream as well.',
          }),
        ),
      },
      { additionalProperties: false, default: {}, description: 'Bounds on the connections of clients.' },
    ),
    shutdown: Type.Object(
      {
        delay: Duration({
          default: 0,
          description: 'How long `/readyz` answers 503 before the listener closes, so that a load balancer notices it.',
        }),
        timeout: Duration({
          default: '30s',
          description: 'How long requests in flight may take to finish. After that their connections are cut.',
        }),
      },
      { additionalProperties: false, default: {}, description: 'What happens on SIGTERM and SIGINT.' },
    ),
  },
  { additionalProperties: false },
)
// the parts of `timeouts` have defaults of their own
Object.assign(ConfigSchema.properties.timeouts, { default: {} })

/** A configuration with every default filled in. */
export type Config = Static<typeof ConfigSchema> & {
  /** Where relative paths start: the folder of the configuration file. */
  baseDir: string
}

type DeepPartial<T> = T extends readonly unknown[] ? T : T extends object ? { [K in keyof T]?: DeepPartial<T[K]> } : T
/** What a configuration file may hold: everything is optional. */
export type ConfigInput = DeepPartial<Static<typeof ConfigSchema>>

/**
 * Types a configuration file.
 * @example
 * // gatehouse.config.ts
 * import { defineConfig } from 'gatehouse'
 * export default defineConfig({ port: 8080, trustProxy: ['10.0.0.0/8'] })
 */
export const defineConfig = (config: ConfigInput): ConfigInput => config
