import { METHODS } from 'node:http'
import Type, { type Static } from 'typebox'
import { Duration } from '../../units.ts'

const Cause = Type.Union(
  [Type.Enum(['connect', 'reset', 'timeout', '5xx']), Type.Integer({ minimum: 400, maximum: 599 })],
  { title: '"connect", "reset", "timeout", "5xx" or a status from 400 to 599' },
)
export type Cause = Static<typeof Cause>

/** The failures that count by default. */
export const DEFAULT_CAUSES: readonly Cause[] = ['connect', 'reset', 'timeout', 502, 503, 504]

const causes = (description: string) =>
  Type.Optional(Type.Array(Cause, { minItems: 1, uniqueItems: true, description }))

const Off = Type.Literal(false)

const retryFields = {
  attempts: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 10, description: 'Most attempts after the first one. Default: 2.' }),
  ),
  on: causes(
    "Which failures are retried. `connect`: the connection could not be opened. `reset`: it was closed before an answer. `timeout`: no answer in time. `5xx` or a status: answers of the upstream. Default: `['connect', 'reset', 'timeout', 502, 503, 504]`.",
  ),
  methods: Type.Optional(
    Type.Array(
      Type.Enum(
        METHODS.filter((method) => method !== 'CONNECT' && method !== 'TRACE'),
        { title: 'upper-case HTTP method' },
      ),
      {
        minItems: 1,
        uniqueItems: true,
        description:
          'Methods that may be retried. Default: the idempotent ones (RFC 9110, section 9.2.2). Add `POST` only if a second copy does no harm. A request whose connection could not be opened may be retried with any method. A streamed body may be sent again only while none of it has been read.',
      },
    ),
  ),
  backoff: Type.Optional(
    Type.Object(
      {
        base: Type.Optional(
          Duration({
            description: 'Longest pause before the first retry. It doubles with each one. Default: 25ms.',
          }),
        ),
        max: Type.Optional(Duration({ description: 'Longest pause, also for `Retry-After`. Default: 1s.' })),
      },
      {
        additionalProperties: false,
        description:
          'Pauses between attempts: exponential with full jitter, a random time between zero and the longest pause.',
      },
    ),
  ),
  respectRetryAfter: Type.Optional(
    Type.Boolean({
      description:
        "Waits as long as the upstream's `Retry-After` states. If that is longer than `backoff.max`, the client gets the response instead. Default: true.",
    }),
  ),
  perTryTimeout: Type.Optional(
    Duration({
      least: 1,
      description:
        "Time until the head of an attempt's response, connecting included. After that the attempt has failed with `timeout`. It does not apply to a streamed request body, which takes as long as the client does. Default: none.",
    }),
  ),
}

/** `retries` of a route. */
export const RouteRetries = Type.Union([Off, Type.Object(retryFields, { additionalProperties: false })], {
  title: 'false or { attempts, on, methods, backoff, respectRetryAfter, perTryTimeout }',
  description:
    'When a failed request is sent again. It replaces the `retries` of the upstream, except for the `budget`.',
})

/** `retries` of an upstream or of the gateway. */
export const Retries = Type.Union(
  [
    Off,
    Type.Object(
      {
        ...retryFields,
        budget: Type.Optional(
          Type.Object(
            {
              percent: Type.Optional(
                Type.Integer({
                  minimum: 0,
                  maximum: 100,
                  description: 'Retries and hedges, in per cent of the requests of the last 10 seconds. Default: 20.',
                }),
              ),
              minimum: Type.Optional(
                Type.Integer({
                  minimum: 0,
                  description:
                    'Retries and hedges that are allowed in 10 seconds however few requests there are. Default: 10.',
                }),
              ),
            },
            {
              additionalProperties: false,
              description:
                'Bounds the retries and hedges of the whole upstream, so that they do not multiply the load in an outage. Going to another target after a connection that could not be opened is free.',
            },
          ),
        ),
      },
      { additionalProperties: false },
    ),
  ],
  {
    title: 'false or { attempts, on, methods, backoff, respectRetryAfter, perTryTimeout, budget }',
    description:
      'When a failed request is sent again, to another target if there is one. Default: if the connection could not be opened, each other target is tried; an idempotent request whose connection broke before an answer is sent once more. `false`: never.',
  },
)
export type RetrySettings = Static<typeof Retries>

/** `hedging` of a route, an upstream or the gateway. */
export const Hedging = Type.Union(
  [
    Off,
    Type.Object(
      {
        after: Type.Union(
          [Duration({ least: 1, description: 'A fixed time.' }), Type.Enum(['p50', 'p75', 'p90', 'p95', 'p99'])],
          {
            title: 'duration such as "200ms", or "p50", "p75", "p90", "p95", "p99"',
            description:
              "Time without an answer after which a copy is sent: a duration, or a percentile of the route's recent answers (once there are 20).",
          },
        ),
        max: Type.Optional(
          Type.Integer({
            minimum: 1,
            maximum: 3,
            description: 'Most copies in addition to the first request. Default: 1.',
          }),
        ),
      },
      { additionalProperties: false },
    ),
  ],
  {
    title: 'false or { after, max }',
    description:
      'Sends a GET, HEAD or OPTIONS without a body to a second target if the first is slow. The first usable answer wins, and the other attempt is cancelled. It uses the budget of `retries`. Default: false.',
  },
)
export type HedgeSettings = Static<typeof Hedging>

/** `circuitBreaker` of an upstream or of the gateway. */
export const CircuitBreakerDeclaration = Type.Union(
  [
    Off,
    Type.Object(
      {
        failures: Type.Optional(
          Type.Integer({
            minimum: 1,
            description: 'Failures in a row after which it opens. Default: 5, or none if `failureRate` is stated.',
          }),
        ),
        failureRate: Type.Optional(
          Type.Object(
            {
              percent: Type.Integer({
                minimum: 1,
                maximum: 100,
                description: 'Share of failures, in per cent, at which it opens.',
              }),
              minimum: Type.Optional(
                Type.Integer({
                  minimum: 1,
                  description: 'Fewest attempts in the window before it can open. Default: 20.',
                }),
              ),
              window: Type.Optional(Duration({ least: 100, description: 'Length of the window. Default: 10s.' })),
            },
            { additionalProperties: false, description: 'Opens it by the share of failed attempts.' },
          ),
        ),
        open: Type.Optional(
          Duration({
            least: 1,
            description:
              'How long an open breaker lets no request through. Then one request probes the target. The time doubles with each failed probe. Default: 10s.',
          }),
        ),
        maxOpen: Type.Optional(
          Duration({ least: 1, description: 'Longest time between probes. Default: ten times `open`.' }),
        ),
        on: causes(
          "What counts as a failure. See `retries.on`; here `reset` includes an answer that is not HTTP. A 500 does not count by default, since clients may be able to cause it. Default: `['connect', 'reset', 'timeout', 502, 503, 504]`.",
        ),
      },
      { additionalProperties: false },
    ),
  ],
  {
    title: 'false or { failures, failureRate, open, maxOpen, on }',
    description:
      'Sends no requests to a target that fails. After `failures` in a row, or by `failureRate`, it opens for the time `open`, then one request probes the target. Each target has its own. Default: false.',
  },
)
export type BreakerDeclaration = Exclude<Static<typeof CircuitBreakerDeclaration>, false>

/** `concurrency` of an upstream or of the gateway. */
export const Concurrency = Type.Union(
  [
    Off,
    Type.Object(
      {
        max: Type.Optional(Type.Integer({ minimum: 1, description: 'Most requests in flight.' })),
        adaptive: Type.Optional(
          Type.Object(
            {
              minimum: Type.Optional(Type.Integer({ minimum: 1, description: 'Lowest limit. Default: 10.' })),
              maximum: Type.Optional(Type.Integer({ minimum: 1, description: 'Highest limit. Default: 1000.' })),
            },
            {
              additionalProperties: false,
              description:
                'Finds the limit from the latency of the upstream, instead of `max`. The limit falls when answers take longer than without load, and rises otherwise.',
            },
          ),
        ),
      },
      {
        additionalProperties: false,
        minProperties: 1,
        maxProperties: 1,
        title: 'either { max } or { adaptive: { minimum, maximum } }',
      },
    ),
  ],
  {
    title: 'false, { max } or { adaptive: { minimum, maximum } }',
    description:
      'Most requests in flight to the whole upstream, from this process. Further ones are answered 503. A WebSocket counts until it closes. Default: false, no limit.',
  },
)
export type ConcurrencySettings = Static<typeof Concurrency>

/** A header name that has no influence on the framing of a message. */
const FALLBACK_HEADER =
  "^(?!(?i:connection|content-length|keep-alive|te|trailer|transfer-encoding|upgrade)$)[!#$%&'*+.^_`|~0-9A-Za-z-]+$"

/** `fallback` of a route, an upstream or the gateway. */
export const Fallback = Type.Union(
  [
    Off,
    Type.Object(
      {
        status: Type.Optional(Type.Integer({ minimum: 200, maximum: 599, description: 'Default: 200.' })),
        headers: Type.Optional(
          Type.Record(
            Type.String({ pattern: FALLBACK_HEADER }),
            Type.String({
              pattern: '^[\\t\\x20-\\x7E\\x80-\\xFF]*$',
              title: 'header value without control characters',
            }),
            {
              description: 'Headers. Without `Content-Type`, it is `application/json`, or `text/plain` for a text.',
            },
          ),
        ),
        body: Type.Optional(
          Type.Union(
            [
              Type.String(),
              Type.Unsafe<Record<string, unknown>>({ type: 'object', title: 'object' }),
              Type.Unsafe<unknown[]>({ type: 'array', title: 'list' }),
            ],
            { title: 'text, or an object or list that is sent as JSON', description: 'The body. Default: none.' },
          ),
        ),
        on: Type.Optional(
          Type.Array(Type.Integer({ minimum: 400, maximum: 599 }), {
            minItems: 1,
            uniqueItems: true,
            description: 'Statuses of the upstream that are replaced too. Default: none.',
          }),
        ),
      },
      { additionalProperties: false },
    ),
  ],
  {
    title: 'false or { status, headers, body, on }',
    description: 'Answer for the client instead of a 502, 503 or 504 of the gateway. Default: false.',
  },
)
export type FallbackSettings = Static<typeof Fallback>
