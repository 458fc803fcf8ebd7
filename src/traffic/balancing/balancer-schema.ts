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
      "The key: requests with the same key get the same target. The client's `address`, the `path` without its query, the `consumer`, a header or a cookie. Requests without a key go to each target in turn.",
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
        description: 'How long the client keeps the cookie. Default: until the browser is closed.',
      }),
    ),
    policy: Type.Optional(
      Type.Unsafe<PolicyName>({
        ...Policy,
        description:
          'How to choose a target for a client without a cookie, or whose target is unavailable. Default: `round-robin`.',
      }),
    ),
  },
  {
    additionalProperties: false,
    description:
      'Keeps each client with its target by a signed cookie, which the upstream never sees. See `stickySecret` of the configuration.',
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
      'Chooses the target of a request. `round-robin`: each in turn. `least-requests`: the one with the fewest requests in flight. `power-of-two`: the better of two random ones. `latency`: the one that will probably answer first. `random`: any. `first-available`: the first in the list. `{ hash }`: the same for the same key. `{ sticky }`: the same for the same client. Weights count in all except `first-available`. Default: `round-robin`.',
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
            description: 'Most requests that wait. Further ones are answered 503. Default: 100.',
          }),
        ),
        timeout: Type.Optional(
          Duration({ least: 1, description: 'Longest wait. After that the answer is 503. Default: 5s.' }),
        ),
      },
      { additionalProperties: false },
    ),
  ],
  {
    title: 'false or { max, timeout }',
    description:
      'Lets requests wait, first come, first served, while every target has `maxConnections` requests. Default: false, they are answered 503 at once.',
  },
)
export type QueueSettings = Static<typeof Queue>

/** The options of a target that decide its share of the requests. */
export const targetBalanceFields = {
  weight: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, description: 'Share of the requests. Default: 1.' })),
  priority: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: 100,
      description:
        'Level of the target. Targets with a higher number are backups: they get requests only while no target with a lower number can take one. Default: 0.',
    }),
  ),
  maxConnections: Type.Optional(
    Type.Integer({
      minimum: 1,
      description:
        'Most requests and WebSockets in flight at the target, from this process. See `queue`. Default: no limit.',
    }),
  ),
}

/** Describes a policy in words. */
export function balanceText(balance: BalanceDeclaration = 'round-robin'): string {
  if (typeof balance === 'string') return balance
  const { hash, sticky } = balance
  if (hash !== undefined) return `by hash of ${typeof hash === 'string' ? hash : Object.entries(hash)[0]!.join(' ')}`
  return `sticky by cookie, ${sticky!.policy ?? 'round-robin'} without`
}
