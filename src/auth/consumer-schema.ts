import Type, { type Static } from 'typebox'
import { LimitDeclaration } from '../limits/limit-schema.ts'

/** `consumers` of the configuration. */
export const ConsumerEntries = Type.Record(
  Type.String({ minLength: 1 }),
  Type.Object(
    {
      plan: Type.Optional(Type.String({ minLength: 1, description: 'Name of the plan; wins over the `planClaim`.' })),
      groups: Type.Optional(
        Type.Array(Type.String({ minLength: 1 }), { description: 'Groups beside those of the credentials.' }),
      ),
      limits: Type.Optional(LimitDeclaration),
    },
    { additionalProperties: false, minProperties: 1 },
  ),
  {
    description:
      "What is known of consumers by their ids, whichever scheme finds them out: `{ ada: { plan: 'pro', groups: ['staff'], limits: [...] } }`. Limits of their own take the place of those of the plan.",
  },
)
export type ConsumerEntries = Static<typeof ConsumerEntries>
