import Type, { type Static } from 'typebox'
import { Duration } from '../../units.ts'

/** `mock` of an upstream or a route. */
export const MockDeclaration = Type.Union(
  [
    Type.Boolean(),
    Type.Object(
      {
        delay: Type.Optional(
          Duration({ description: 'How long an answer takes, as if a service made it. Default: `0s`.' }),
        ),
      },
      { additionalProperties: false },
    ),
  ],
  {
    title: 'true, false, or { delay }',
    description:
      'Answers in place of the service, from the examples and schemas of the `openapi` document, or of `schema.response`, with `X-Gatehouse-Mock: true`. Requests are authenticated, limited and validated as always. Clients choose with `Prefer: code=404, example=name`. With it the upstream needs no `targets`. Default: false.',
  },
)
export type MockDeclaration = Static<typeof MockDeclaration>
