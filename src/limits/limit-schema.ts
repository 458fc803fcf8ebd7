import Type, { type Static } from 'typebox'
import { Duration } from '../units.ts'

/** `rateLimit` of a gateway, an upstream or a route. */
export const LimitDeclaration = Type.Object({
  max: Type.Integer({ minimum: 1, description: 'How many requests a window allows.' }),
  // counted by the clock, so that it may be longer than a timer
  window: Duration({ least: 1, most: Number.MAX_SAFE_INTEGER, description: 'Length of the window, such as `1 minute`.' }),
  by: Type.Optional(Type.Enum(['consumer', 'address'], { description: "Whose requests are counted together: `consumer` (default) counts by the authenticated consumer and by address where there is none; `address` always by the client's address, IPv6 by /64." })),
}, { additionalProperties: false, description: 'At most `max` requests a `window`.' })
export type LimitDeclaration = Static<typeof LimitDeclaration>

/** A limit in force on a route. Rules with the same `name` are one limit, however many routes share it. */
export interface LimitRule {
  /** `gateway`, `upstream:orders`, `route:GET /orders/:id` */
  name: string
  max: number
  /** Milliseconds. */
  windowMs: number
  by: 'consumer' | 'address'
}
