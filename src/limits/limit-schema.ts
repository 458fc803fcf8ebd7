import type { FastifyRequest } from 'fastify'
import Type, { type Static } from 'typebox'
import { Duration, milliseconds } from '../units.ts'

/** Returns the key of a request. Requests with the same key are counted together; null counts by consumer. */
export type KeyFunction = (request: FastifyRequest) => string | null | undefined

const By = Type.Unsafe<'consumer' | 'address' | 'group' | 'route' | { header: string } | KeyFunction>({
  ...Type.Union([
    Type.Enum(['consumer', 'address', 'group', 'route']),
    Type.Object(
      {
        header: Type.String({
          pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$",
          title: 'header name',
          description: 'Requests with the same value of this header are counted together, those without it by address.',
        }),
      },
      { additionalProperties: false },
    ),
    // TypeScript files alone can hold one
    Type.Unsafe<KeyFunction>({ isFunction: true, title: 'a function of the request' }),
  ]),
  title: '"consumer", "address", "group", "route", { header: name }, or in TypeScript a function of the request',
  description:
    "Whose requests are counted together. `consumer` (default): those of one authenticated consumer, or of one address if there is no consumer. `address`: those of one client address, IPv6 by /64; counted before authentication. `group`: those of the consumer's first group, or of the consumer if it has no group. `route`: all requests, for each route separately. `{ header: name }`: requests with the same value of a header, which the client can choose. A function of the request, only in TypeScript: requests for which it returns the same text; null counts by consumer.",
})
export type LimitBy = Static<typeof By>

const shared = {
  by: Type.Optional(By),
  except: Type.Optional(
    Type.Object(
      {
        addresses: Type.Optional(
          Type.Array(Type.String({ minLength: 1 }), {
            minItems: 1,
            description: 'Addresses and networks (CIDR) of clients.',
          }),
        ),
        consumers: Type.Optional(
          Type.Array(Type.String({ minLength: 1 }), { minItems: 1, description: 'Ids of consumers.' }),
        ),
      },
      { additionalProperties: false, minProperties: 1, description: 'Whose requests are neither counted nor refused.' },
    ),
  ),
}

const WindowLimit = Type.Object(
  {
    max: Type.Integer({ minimum: 1, description: 'How many requests a window allows.' }),
    // no timer is involved, so it may be longer than timers can be
    window: Duration({
      least: 1,
      most: Number.MAX_SAFE_INTEGER,
      description: 'Length of the window, such as `1 minute`.',
    }),
    algorithm: Type.Optional(
      Type.Enum(['fixed', 'sliding', 'token-bucket'], {
        description:
          '`fixed` (default): a window begins with the first request; the next one begins with the first request after its end. `sliding`: never more than `max` in any period as long as the window. `token-bucket`: `max` tokens come back evenly in each `window`, up to `burst`.',
      }),
    ),
    burst: Type.Optional(
      Type.Integer({
        minimum: 1,
        description:
          'Most tokens of a `token-bucket`, so the most requests at once. A limit with `burst` is a `token-bucket`. Default: `max`.',
      }),
    ),
    ...shared,
  },
  { additionalProperties: false, description: 'At most `max` requests a `window`.' },
)

const ConcurrencyLimit = Type.Object(
  {
    concurrent: Type.Integer({
      minimum: 1,
      description:
        'Most requests in flight. A request ends when its response ends or the client goes away, a WebSocket when it closes.',
    }),
    ...shared,
  },
  { additionalProperties: false, description: 'At most `concurrent` requests in flight.' },
)

const QuotaLimit = Type.Object(
  {
    quota: Type.Object(
      {
        max: Type.Integer({ minimum: 1, description: 'How many requests a period allows.' }),
        per: Type.Enum(['day', 'month'], { description: 'The period: a calendar day or month.' }),
        timeZone: Type.Optional(
          Type.String({
            minLength: 1,
            description: 'IANA time zone in which the period begins, such as `Europe/Berlin`. Default: `UTC`.',
          }),
        ),
      },
      { additionalProperties: false },
    ),
    ...shared,
  },
  { additionalProperties: false, description: 'At most `max` requests in a calendar day or month.' },
)

const OneLimit = Type.Union([WindowLimit, ConcurrencyLimit, QuotaLimit], {
  title: '{ max, window }, { concurrent } or { quota: { max, per } }',
})
const LimitList = Type.Array(OneLimit, { minItems: 1 })

/** `rateLimit` of a gateway, an upstream or a route. */
export const LimitDeclaration = Type.Union([OneLimit, LimitList], {
  title: '{ max, window, by }, { concurrent }, { quota: { max, per } }, or a list of these',
  description:
    'How often the API may be called: `{ max, window }`, `{ concurrent }`, `{ quota: { max, per } }`, or a list of these, which all apply.',
})
export type LimitDeclaration = Static<typeof LimitDeclaration>

/** `cost` of an upstream or a route. */
export const CostDeclaration = Type.Union(
  [
    Type.Integer({ minimum: 1 }),
    Type.Record(Type.String({ pattern: '^[A-Z]+(-[A-Z]+)*$' }), Type.Integer({ minimum: 1 })),
  ],
  {
    title: 'whole number of at least 1, or { METHOD: number }',
    description:
      'How many requests one request counts for: a number, or a number by method (`{ POST: 5 }`; other methods cost 1, `HEAD` as much as `GET`). It has no effect on `concurrent`. Default: 1.',
  },
)
export type CostDeclaration = Static<typeof CostDeclaration>

/** The cost of a request, by its method. */
export const costOf = (cost: CostDeclaration | undefined, method: string): number =>
  typeof cost === 'object' ? (cost[method] ?? (method === 'HEAD' ? cost.GET : undefined) ?? 1) : (cost ?? 1)

/** How limits are counted; the `limits` section of the configuration. */
export const LimitSettings = Type.Object(
  {
    onFailure: Type.Enum(['open', 'closed'], {
      default: 'open',
      description:
        'What happens to requests that Redis cannot count because it is away or answers with errors. `open`: each process counts them in its memory, so each process lets at most one further limit pass. `closed`: they are answered 503.',
    }),
  },
  { additionalProperties: false, default: {}, description: 'How limits are counted.' },
)
export type OnFailure = Static<typeof LimitSettings>['onFailure']

/** `plans` of the configuration. */
export const Plans = Type.Record(
  Type.String({ minLength: 1 }),
  Type.Object(
    {
      limits: LimitList,
    },
    { additionalProperties: false },
  ),
  {
    description:
      "Plans of consumers by name, such as `{ free: { limits: [{ quota: { max: 1000, per: 'day' } }] } }`. The limits of a plan apply on every authenticated route, besides those of the route. They do not apply to a route with `rateLimit: false`.",
  },
)

/** A limit in force on a route. Rules with the same `name` are one limit, however many routes share it. */
export interface LimitRule {
  /**
   * `gateway`, `upstream:orders`, `route:GET /orders/:id`, `plan:free`; further limits of a list add ` #2` and so on
   */
  name: string
  algorithm: 'fixed' | 'sliding' | 'token-bucket' | 'concurrency' | 'quota'
  /** Requests in a window or period, or at once. */
  max: number
  /** Milliseconds; 0 for concurrency and quotas. */
  windowMs: number
  /** Most that a token bucket holds. */
  burst?: number
  /** Period of a quota. */
  per?: 'day' | 'month'
  timeZone?: string
  by: LimitBy
  except?: { addresses?: string[]; consumers?: string[] }
}

/** The rules of a declaration. */
export function limitRules(name: string, declaration: LimitDeclaration): LimitRule[] {
  return [declaration].flat().map((limit, i) => {
    const { by = 'consumer', except } = limit
    const rule = { name: i === 0 ? name : `${name} #${i + 1}`, by, ...(except ? { except } : {}) }
    if ('concurrent' in limit) return { ...rule, algorithm: 'concurrency', max: limit.concurrent, windowMs: 0 }
    if ('quota' in limit) return { ...rule, algorithm: 'quota', windowMs: 0, ...limit.quota }
    // only a token bucket has a burst
    const { max, window, burst, algorithm = burst === undefined ? 'fixed' : 'token-bucket' } = limit
    return { ...rule, algorithm, max, windowMs: milliseconds(window), ...(burst === undefined ? {} : { burst }) }
  })
}

/** `by` as text. */
export const byText = (by: LimitBy): string =>
  typeof by === 'string' ? by : typeof by === 'function' ? 'function' : `header ${by.header}`

/** A limit as text: `100 requests in 60 s`. */
export function limitText({ algorithm, max, windowMs, burst, per, timeZone }: LimitRule): string {
  if (algorithm === 'concurrency') return `${max} requests at once`
  if (algorithm === 'quota') return `${max} requests a ${per}${timeZone === undefined ? '' : ` (${timeZone})`}`
  const window = `${max} requests in ${algorithm === 'sliding' ? 'any ' : ''}${windowMs / 1000} s`
  return algorithm === 'token-bucket' ? `${window}, ${burst ?? max} of them at once` : window
}
