import Type, { type Static } from 'typebox'
import { Duration } from '../../units.ts'
import { Text, grantFields, placeFields } from '../auth-schema.ts'

/** One key, in the configuration, the keys file or Redis. The key itself is never stored. */
export const ApiKeyEntry = Type.Object(
  {
    name: Type.String({
      minLength: 1,
      maxLength: 200,
      description:
        'Owner of the key: the id of the consumer. Several keys may share a name, so that a new key can replace an old one without a gap.',
    }),
    id: Type.Optional(
      Type.String({
        pattern: '^[A-Za-z0-9]{1,32}$',
        title: 'text of 1 to 32 letters and digits',
        description: 'The public part of the key: `gh_<id>_...`. Default: none.',
      }),
    ),
    sha256: Type.String({
      pattern: '^[0-9A-Fa-f]{64}$',
      title: 'SHA-256 of the key, 64 hexadecimal digits',
      writeOnly: true,
      description:
        'SHA-256 of the whole key, in hexadecimal digits. The key must be random: a chosen word can be guessed from its hash.',
    }),
    ...grantFields,
    expires: Type.Optional(
      Type.String({
        pattern: '^\\d{4}-\\d{2}-\\d{2}(T\\d{2}:\\d{2}(:\\d{2}(\\.\\d{1,9})?)?(Z|[+-]\\d{2}:\\d{2}))?$',
        title: 'date such as "2027-01-31", or time such as "2027-01-31T12:00:00Z"',
        description: 'Time from which the key is refused. A date means its first moment, UTC. Default: never.',
      }),
    ),
    addresses: Type.Optional(
      Type.Array(Type.String(), {
        minItems: 1,
        description: 'Addresses and networks (CIDR) from which the key may be used. Default: any.',
      }),
    ),
  },
  { additionalProperties: false, description: 'An API key. Only its SHA-256 is stored.' },
)
export type ApiKeyEntry = Static<typeof ApiKeyEntry>

/** Content of a keys file. */
export const ApiKeyList = Type.Array(ApiKeyEntry)

/** The `apiKeys` section of the configuration: where a request carries its key, and which keys exist. */
export const ApiKeySettings = Type.Object(
  {
    ...placeFields('key', 'x-api-key'),
    keys: Type.Optional(Type.Array(ApiKeyEntry, { description: 'The keys, in the configuration itself.' })),
    file: Type.Optional(
      Text(
        'YAML or JSON file with a list of keys, each as in `keys`. `gatehouse key` writes it. Changes take effect within two seconds.',
      ),
    ),
    redis: Type.Optional(
      Type.Boolean({
        description:
          'Also reads keys from the Redis of `redis`, where several gateways share them: from the hash `gatehouse:api-keys`, which `gatehouse key` writes. Default: false.',
      }),
    ),
    refreshAfter: Duration({
      default: '10s',
      description: 'How long a key from Redis is used before Redis is asked again. A revoked key works for that long.',
    }),
    outageGrace: Duration({
      default: '10 minutes',
      description:
        'How long a key from Redis works while Redis is away, from when it was last read. Other keys are then answered 503, never let in.',
    }),
  },
  { additionalProperties: false, description: 'API keys. Required for `auth: { apiKey: ... }`.' },
)
export type ApiKeySettings = Static<typeof ApiKeySettings>
