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
    consumers: Values('Ids of consumers. The request must be from one of them.'),
    groups: Values('Groups. The consumer must have one of them.'),
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
              description: 'Share of the requests that match no `when`. Default: 0.',
            }),
          ),
          when: Type.Optional(
            Type.Unsafe<Condition>({
              ...Condition,
              description:
                'Requests that get this version whatever the shares: those that meet every condition here. The first version that matches is chosen.',
            }),
          ),
        },
        { additionalProperties: false },
      ),
      { minProperties: 1, description: 'Versions by name. The `version` of a target states to which it belongs.' },
    ),
    by: Type.Optional(
      Type.Enum(['consumer', 'address', 'request'], {
        description:
          'What stays with one version: a `consumer` (default; without one, the address), an `address`, or nothing (`request`). Consumers and addresses keep a version while its share grows.',
      }),
    ),
    strict: Type.Optional(
      Type.Boolean({
        description:
          'Answers 503 if a version has no available target, instead of using another version. Default: false.',
      }),
    ),
  },
  {
    additionalProperties: false,
    description: 'Shares requests among versions of the service: a canary by share, header, cookie or consumer.',
  },
)
export type SplitDeclaration = Static<typeof SplitDeclaration>
