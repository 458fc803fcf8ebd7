import Type, { type Static } from 'typebox'
import { LimitDeclaration } from '../limits/limit-schema.ts'

/** `consumers` of the configuration. */
export const ConsumerEntries = Type.Record(
  Type.String({ minLength: 1 }),
  Type.Object(
    {
      plan: Type.Optional(Type.String({ minLength: 1, description: 'Name of the plan. It wins over `planClaim`.' })),
      groups: Type.Optional(
        Type.Array(Type.String({ minLength: 1 }), { description: 'Groups in addition to those of the credentials.' }),
      ),
      limits: Type.Optional(LimitDeclaration),
    },
    { additionalProperties: false, minProperties: 1 },
  ),
  {
    description:
      "Settings of consumers by their ids, whichever scheme is used: `{ ada: { plan: 'pro', groups: ['staff'], limits: [...] } }`. `limits` of a consumer replace those of the plan.",
  },
)
export type ConsumerEntries = Static<typeof ConsumerEntries>
