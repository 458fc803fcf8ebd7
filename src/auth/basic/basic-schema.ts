import Type, { type Static } from 'typebox'
import { Duration } from '../../units.ts'
import { Text, grantFields } from '../auth-schema.ts'

/** One user, in the configuration or the file of users. */
export const BasicUser = Type.Object(
  {
    name: Type.String({
      minLength: 1,
      maxLength: 200,
      pattern: '^[^:\\x00-\\x1F\\x7F]+$',
      title: 'text of 1 to 200 characters without colon',
      description: 'User name: the id of the consumer.',
    }),
    password: Type.String({
      pattern: '^\\$(argon2id|scrypt)\\$',
      title: 'hash made by `gatehouse key hash`, which starts with $argon2id$ or $scrypt$',
      writeOnly: true,
      description: 'Hash of the password in the PHC string format; `gatehouse key hash` makes one.',
    }),
    ...grantFields,
  },
  { additionalProperties: false, description: 'A user with the hash of a password.' },
)
export type BasicUser = Static<typeof BasicUser>

/** Content of a file of users. */
export const BasicUserList = Type.Array(BasicUser)

/** Users with passwords (RFC 7617); the `basic` section of the configuration. */
export const BasicSettings = Type.Object(
  {
    users: Type.Optional(Type.Array(BasicUser, { description: 'The users, in the configuration itself.' })),
    file: Type.Optional(
      Text('YAML or JSON file with a list of users, each as in `users`. Changes take effect within two seconds.'),
    ),
    rememberFor: Duration({
      default: '5 minutes',
      description:
        'How long a correct password is not hashed again. A change of the file ends it at once. 0 hashes each time.',
    }),
  },
  {
    additionalProperties: false,
    description: 'Users with passwords (HTTP Basic). Required for `auth: { basic: ... }`.',
  },
)
export type BasicSettings = Static<typeof BasicSettings>
