import Type, { type Static } from 'typebox'

const secret = { writeOnly: true }
const Url = Type.String({ pattern: '^rediss?://', title: 'URL that starts with redis:// or rediss://', ...secret })

/** Where Redis or Valkey is; the `redis` key of the configuration. URLs and passwords are secrets. */
export const RedisSettings = Type.Union(
  [
    Url,
    Type.Object(
      {
        cluster: Type.Array(Url, {
          minItems: 1,
          description:
            'Some nodes of the cluster. The gateway finds the others through them. The user and password of the first URL are used for all nodes.',
        }),
      },
      { additionalProperties: false, description: 'A Redis Cluster.' },
    ),
    Type.Object(
      {
        sentinels: Type.Array(Url, {
          minItems: 1,
          description:
            'The sentinels. The user and password of the first URL are used for the sentinels. With `rediss://` both the sentinels and Redis are reached over TLS.',
        }),
        name: Type.String({ minLength: 1, description: 'Name of the Redis in the sentinels.' }),
        username: Type.Optional(Type.String({ description: 'User of the Redis itself.' })),
        password: Type.Optional(Type.String({ description: 'Password of the Redis itself.', ...secret })),
        db: Type.Optional(Type.Integer({ minimum: 0, description: 'Number of the database. Default: 0.' })),
      },
      {
        additionalProperties: false,
        description: 'A Redis that Sentinel monitors. The gateway follows a failover.',
      },
    ),
  ],
  { title: 'URL that starts with redis:// or rediss://, { cluster: [URLs] }, or { sentinels: [URLs], name }' },
)
export type RedisSettings = Static<typeof RedisSettings>
