import Type, { type Static } from 'typebox'
import { Duration } from '../../units.ts'

const TOKEN = "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"

const Policy = Type.Enum(['round-robin', 'least-requests', 'power-of-two', 'latency', 'random', 'first-available'])
export type PolicyName = Static<typeof Policy>

const HashKey = Type.Union(
  [
    Type.Enum(['address', 'path', 'consumer']),
    Type.Object(
      {
        header: Type.Optional(
          Type.String({ pattern: TOKEN, title: 'header name', description: 'A header of the request.' }),
        ),
        cookie: Type.Optional(
          Type.String({ pattern: TOKEN, title: 'cookie name', description: 'A cookie of the request.' }),
        ),
      },
      {
        additionalProperties: false,
        minProperties: 1,
        maxProperties: 1,
        title: 'either { header: name } or { cookie: name }',
      },
    ),
  ],
  {
    title: '"address", "path", "consumer", { header: name } or { cookie: name }',
    description:
      "What must be the same for requests to get the same target: the client's `address`, the `path` without its query, the `consumer`, a header or a cookie. Requests without it are taken in turn.",
  },
)
export type HashKey = Static<typeof HashKey>

const Sticky = Type.Object(
  {
    cookie: Type.Optional(
      Type.String({
        pattern: TOKEN,
        title: 'cookie name',
        description: 'Name of the cookie. Default: `gatehouse-` and the name of the upstream.',
      }),
    ),
    maxAge: Type.Optional(
      Duration({
        least: 1000,
        description: 'How long the client keeps the cookie, from when it got it. Default: until it is closed.',
      }),
    ),
    policy: Type.Optional(
      Type.Unsafe<PolicyName>({
        ...Policy,
        description:
          'Which target a client gets that has no cookie, or whose target cannot be had. Default: `round-robin`.',
      }),
    ),
  },
  {
    additionalProperties: false,
    description:
      'A signed cookie keeps each client with its target; the upstream never sees it. See `stickySecret` of the configuration.',
  },
)
export type StickySettings = Static<typeof Sticky>

/** `balance` of an upstream or of the gateway. */
export const Balance = Type.Union(
  [
    Policy,
    Type.Object(
      {
        hash: Type.Optional(HashKey),
        sticky: Type.Optional(Sticky),
      },
      { additionalProperties: false, minProperties: 1, maxProperties: 1, title: 'either { hash } or { sticky }' },
    ),
  ],
  {
    title:
      '"round-robin", "least-requests", "power-of-two", "latency", "random", "first-available", { hash } or { sticky }',
    description:
      'Which of the targets gets a request: `round-robin`, each in turn; `least-requests`, the one with the fewest under way; `power-of-two`, the better of two random ones; `latency`, the one that is expected to answer first; `random`; `first-available`, the first in the list; `{ hash }`, the same for the same key; `{ sticky }`, the same for the same client. Weights count in all but `first-available`. Default: `round-robin`.',
  },
)
export type BalanceDeclaration = Static<typeof Balance>

/** `queue` of an upstream or of the gateway. */
export const Queue = Type.Union(
  [
    Type.Literal(false),
    Type.Object(
      {
        max: Type.Optional(
          Type.Integer({
            minimum: 1,
            maximum: 100_000,
            description: 'Most requests that wait; more are answered 503. Default: 100.',
          }),
        ),
        timeout: Type.Optional(
          Duration({ least: 1, description: 'Longest wait; past it the answer is 503. Default: 5s.' }),
        ),
      },
      { additionalProperties: false },
    ),
  ],
  {
    title: 'false or { max, timeout }',
    description:
      'Lets requests wait, first come, first served, while every target has as many as its `maxConnections` allows. Default: false, they are answered 503 at once.',
  },
)
export type QueueSettings = Static<typeof Queue>

/** What a target says about its part of the requests. */
export const targetBalanceFields = {
  weight: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, description: 'Share of the requests. Default: 1.' })),
  priority: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: 100,
      description:
        'Level of the target: those of a higher number are backups, which get requests while none of a lower one can take any. Default: 0.',
    }),
  ),
  maxConnections: Type.Optional(
    Type.Integer({
      minimum: 1,
      description:
        'Most requests and WebSockets under way at the target, from this process; see `queue`. Default: any number.',
    }),
  ),
}

/** A policy in words. */
export function balanceText(balance: BalanceDeclaration = 'round-robin'): string {
  if (typeof balance === 'string') return balance
  const { hash, sticky } = balance
  if (hash !== undefined) return `by hash of ${typeof hash === 'string' ? hash : Object.entries(hash)[0]!.join(' ')}`
  return `sticky by cookie, ${sticky!.policy ?? 'round-robin'} without`
}
