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
            'Some nodes of the cluster; it tells of the others. User and password are those of the first URL.',
        }),
      },
      { additionalProperties: false, description: 'A Redis Cluster.' },
    ),
    Type.Object(
      {
        sentinels: Type.Array(Url, {
          minItems: 1,
          description:
            'The sentinels. User and password in the first URL are those of the sentinels; with `rediss://` sentinels and Redis are spoken to over TLS.',
        }),
        name: Type.String({ minLength: 1, description: 'Name under which the sentinels know the Redis.' }),
        username: Type.Optional(Type.String({ description: 'User of the Redis itself.' })),
        password: Type.Optional(Type.String({ description: 'Password of the Redis itself.', ...secret })),
        db: Type.Optional(Type.Integer({ minimum: 0, description: 'Number of the database. Default: 0.' })),
      },
      {
        additionalProperties: false,
        description: 'A Redis that Sentinel watches over: the gateway follows a failover.',
      },
    ),
  ],
  { title: 'URL that starts with redis:// or rediss://, { cluster: [URLs] }, or { sentinels: [URLs], name }' },
)
export type RedisSettings = Static<typeof RedisSettings>
