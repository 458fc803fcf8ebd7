import Type, { type Static } from 'typebox'

const Values = (description: string) =>
  Type.Optional(Type.Array(Type.String({ minLength: 1 }), { minItems: 1, description }))

const Condition = Type.Object(
  {
    headers: Type.Optional(
      Type.Record(Type.String({ pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$" }), Type.String(), {
        description: 'Headers with exactly these values.',
      }),
    ),
    cookies: Type.Optional(
      Type.Record(Type.String({ pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$" }), Type.String(), {
        description: 'Cookies with exactly these values.',
      }),
    ),
    consumers: Values('Ids of consumers, of whom the request must be of one.'),
    groups: Values('Groups, of which the consumer must have one.'),
  },
  { additionalProperties: false, minProperties: 1 },
)
export type Condition = Static<typeof Condition>

/** How an upstream shares requests among versions of its service; the `split` key of an upstream. */
export const SplitDeclaration = Type.Object(
  {
    versions: Type.Record(
      Type.String({ pattern: '^[A-Za-z0-9._-]+$', title: 'name of letters, digits and ._-' }),
      Type.Object(
        {
          weight: Type.Optional(
            Type.Integer({
              minimum: 0,
              maximum: 1_000_000,
              description: 'Share of the requests that no `when` decides. Default: 0.',
            }),
          ),
          when: Type.Optional(
            Type.Unsafe<Condition>({
              ...Condition,
              description:
                'Requests that get this version whatever the shares: those for which every condition here holds. The first version that fits is taken.',
            }),
          ),
        },
        { additionalProperties: false },
      ),
      { minProperties: 1, description: 'Versions by name; targets say which they are by `version`.' },
    ),
    by: Type.Optional(
      Type.Enum(['consumer', 'address', 'request'], {
        description:
          'What stays with one version: a `consumer` (default; where nobody is known, the address), an `address`, or nothing beyond a `request`. Whoever has had a version keeps it while its share grows.',
      }),
    ),
    strict: Type.Optional(
      Type.Boolean({
        description:
          'Whether a version of which no target is to be had is answered 503, rather than by another version. Default: false.',
      }),
    ),
  },
  {
    additionalProperties: false,
    description: 'Versions of the service side by side: a canary by share, header, cookie or consumer.',
  },
)
export type SplitDeclaration = Static<typeof SplitDeclaration>
