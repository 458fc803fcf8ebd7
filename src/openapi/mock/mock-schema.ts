import Type, { type Static } from 'typebox'
import { Duration } from '../../units.ts'

/** `mock` of an upstream or a route. */
export const MockDeclaration = Type.Union(
  [
    Type.Boolean(),
    Type.Object(
      {
        delay: Type.Optional(Duration({ description: 'Delays each answer. Default: `0s`.' })),
      },
      { additionalProperties: false },
    ),
  ],
  {
    title: 'true, false, or { delay }',
    description:
      'Answers in place of the service, from the examples and schemas of the `openapi` document, or of `schema.response`, with `X-Gatehouse-Mock: true`. Authentication, limits and validation apply as always. Clients choose an answer with `Prefer: code=404, example=name`. The upstream then needs no `targets`. Default: false.',
  },
)
export type MockDeclaration = Static<typeof MockDeclaration>
