import { METHODS } from 'node:http'
import Type, { type Static } from 'typebox'
import { Duration } from '../../units.ts'

const Cause = Type.Union(
  [Type.Enum(['connect', 'reset', 'timeout', '5xx']), Type.Integer({ minimum: 400, maximum: 599 })],
  { title: '"connect", "reset", "timeout", "5xx" or a status from 400 to 599' },
)
export type Cause = Static<typeof Cause>

/** What counts as a failure of the upstream unless stated otherwise. */
export const DEFAULT_CAUSES: readonly Cause[] = ['connect', 'reset', 'timeout', 502, 503, 504]

const causes = (description: string) =>
  Type.Optional(Type.Array(Cause, { minItems: 1, uniqueItems: true, description }))

const Off = Type.Literal(false)

const retryFields = {
  attempts: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 10, description: 'Most further attempts of a request. Default: 2.' }),
  ),
  on: causes(
    "What is tried again: `connect`, the connection never stood; `reset`, it was closed before an answer; `timeout`, no answer in time; `5xx` or statuses of the upstream. Default: `['connect', 'reset', 'timeout', 502, 503, 504]`.",
  ),
  methods: Type.Optional(
    Type.Array(
      Type.Enum(
        METHODS.filter((method) => method !== 'CONNECT' && method !== 'TRACE'),
        { title: 'HTTP method in capitals' },
      ),
      {
        minItems: 1,
        uniqueItems: true,
        description:
          'Methods that may be sent again. Default: the idempotent ones (RFC 9110, section 9.2.2); state `POST` only where a second copy does no harm. A request that never left may be sent again with any method, and one with a streamed body with none.',
      },
    ),
  ),
  backoff: Type.Optional(
    Type.Object(
      {
        base: Type.Optional(
          Duration({
            description: 'Longest pause before the first further attempt; it doubles with each. Default: 25ms.',
          }),
        ),
        max: Type.Optional(
          Duration({ description: 'Longest pause, also of those that `Retry-After` asks for. Default: 1s.' }),
        ),
      },
      {
        additionalProperties: false,
        description: 'Pauses between attempts, exponential with full jitter: any length between none and the longest.',
      },
    ),
  ),
  respectRetryAfter: Type.Optional(
    Type.Boolean({
      description:
        "Waits as long as the upstream's `Retry-After` asks for; when that is longer than `backoff.max`, its response is passed on. Default: true.",
    }),
  ),
  perTryTimeout: Type.Optional(
    Duration({
      least: 1,
      description:
        "Until the head of an attempt's response, connecting included; past it the attempt has failed with `timeout`. Not for a streamed request body, which takes as long as the client does. Default: none.",
    }),
  ),
}

/** `retries` of a route. */
export const RouteRetries = Type.Union([Off, Type.Object(retryFields, { additionalProperties: false })], {
  title: 'false or { attempts, on, methods, backoff, respectRetryAfter, perTryTimeout }',
  description:
    "When a request is sent to the upstream again; replaces the upstream's word, whose `budget` still counts.",
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
                  description: 'Retries and hedges for every 100 requests of the last 10 seconds. Default: 20.',
                }),
              ),
              minimum: Type.Optional(
                Type.Integer({
                  minimum: 0,
                  description:
                    'Retries and hedges in 10 seconds that are allowed however few requests there are. Default: 10.',
                }),
              ),
            },
            {
              additionalProperties: false,
              description:
                'How many retries and hedges the whole upstream may get, so that they never multiply an outage. Passing on to another target when a connection never stood is free.',
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
      'When a request is sent to the upstream again, to another target where there is one. Default: when the connection never stood, each other target is asked; an idempotent request whose connection broke before an answer is sent once more. `false`: never.',
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
              "How long an attempt may go without an answer: a duration, or a percentile of the route's recent answers (from 20 on).",
          },
        ),
        max: Type.Optional(
          Type.Integer({ minimum: 1, maximum: 3, description: 'Most copies beside the first. Default: 1.' }),
        ),
      },
      { additionalProperties: false },
    ),
  ],
  {
    title: 'false or { after, max }',
    description:
      'Sends a GET, HEAD or OPTIONS without body to a second target when the first is slow; the first usable answer wins and the other attempt is broken off. Counts in the budget of `retries`. Default: false.',
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
            description: 'Failures in a row that open it. Default: 5, or none when `failureRate` is stated.',
          }),
        ),
        failureRate: Type.Optional(
          Type.Object(
            {
              percent: Type.Integer({ minimum: 1, maximum: 100, description: 'Share of failures that opens it.' }),
              minimum: Type.Optional(
                Type.Integer({ minimum: 1, description: 'Fewest attempts in the window to judge by. Default: 20.' }),
              ),
              window: Type.Optional(Duration({ least: 100, description: 'Time looked back on. Default: 10s.' })),
            },
            { additionalProperties: false, description: 'Opens it by the share of failures.' },
          ),
        ),
        open: Type.Optional(
          Duration({
            least: 1,
            description:
              'How long a target gets nothing once it has opened; then one request probes it. Doubles with each probe that fails. Default: 10s.',
          }),
        ),
        maxOpen: Type.Optional(
          Duration({ least: 1, description: 'Longest time between probes. Default: ten times `open`.' }),
        ),
        on: causes(
          "What counts as a failure; see `retries.on`, but `reset` is also an answer that is no HTTP. A 500 is no failure unless stated: clients may be able to bring it about. Default: `['connect', 'reset', 'timeout', 502, 503, 504]`.",
        ),
      },
      { additionalProperties: false },
    ),
  ],
  {
    title: 'false or { failures, failureRate, open, maxOpen, on }',
    description:
      'Keeps requests from a target that fails: after `failures` in a row or by `failureRate` it gets none for the time `open`, then a single probe decides. Each target has its own. Default: false.',
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
                'Finds the limit from the latency of the upstream, instead of `max`: it falls when answers take longer than they do unloaded, and rises while they do not.',
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
      'How many requests of the whole upstream may be in flight at once, in this process; more are answered 503. A WebSocket counts until it closes. Default: false, any number.',
  },
)
export type ConcurrencySettings = Static<typeof Concurrency>

/** A field name that the framing of a message does not hang on. */
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
              description:
                'Header fields. `Content-Type` is `application/json`, or `text/plain` for a text, unless stated.',
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
            { title: 'text, or an object or list that is sent as JSON', description: 'The content. Default: none.' },
          ),
        ),
        on: Type.Optional(
          Type.Array(Type.Integer({ minimum: 400, maximum: 599 }), {
            minItems: 1,
            uniqueItems: true,
            description: "Statuses of the upstream's own that it replaces too. Default: none.",
          }),
        ),
      },
      { additionalProperties: false },
    ),
  ],
  {
    title: 'false or { status, headers, body, on }',
    description:
      'What the client gets instead of a 502, 503 or 504 of the gateway when the upstream has failed it. Default: false.',
  },
)
export type FallbackSettings = Static<typeof Fallback>
