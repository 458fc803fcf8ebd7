import Type, { type Static } from 'typebox'

/** A time; a date means its first moment, UTC. */
export const INSTANT = '^\\d{4}-\\d{2}-\\d{2}(T\\d{2}:\\d{2}(:\\d{2}(\\.\\d{1,9})?)?(Z|[+-]\\d{2}:\\d{2}))?$'

/** Content of a revocation file. */
export const RevocationEntries = Type.Array(
  Type.Union(
    [
      Type.Object(
        {
          jti: Type.String({ minLength: 1, description: 'The `jti` of the token.' }),
        },
        { additionalProperties: false, description: 'One token.' },
      ),
      Type.Object(
        {
          sub: Type.String({ minLength: 1, description: 'The `sub` of the tokens, or the id of the consumer.' }),
          before: Type.Optional(
            Type.String({
              pattern: INSTANT,
              title: 'date such as "2027-01-31", or time such as "2027-01-31T12:00:00Z"',
              description: 'Only tokens that were issued before this time, or that do not state when. Default: all.',
            }),
          ),
        },
        { additionalProperties: false, description: 'All tokens of a consumer.' },
      ),
    ],
    { title: '{ jti: text } or { sub: text, before: time }' },
  ),
)
export type RevocationEntries = Static<typeof RevocationEntries>
