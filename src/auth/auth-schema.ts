import Type, { type Static } from 'typebox'
import type {} from 'fastify'

const Plain = Type.Union([Type.String(), Type.Number(), Type.Boolean()])

/** The condition that a claim must meet. */
const ClaimCondition = Type.Union(
  [
    Plain,
    Type.Object(
      {
        equals: Type.Optional(Plain),
        in: Type.Optional(Type.Array(Plain, { minItems: 1 })),
        contains: Type.Optional(Plain),
      },
      { additionalProperties: false, minProperties: 1, maxProperties: 1 },
    ),
  ],
  { title: 'a value, { equals: value }, { in: [values] } or { contains: value }' },
)
export type ClaimCondition = Static<typeof ClaimCondition>

const Requirement = Type.Object(
  {
    scopes: Type.Optional(
      Type.Array(Type.String({ pattern: '^[\\x21\\x23-\\x5B\\x5D-\\x7E]+$' }), {
        description: 'Scopes. The consumer must have all of them.',
      }),
    ),
    groups: Type.Optional(
      Type.Array(Type.String({ minLength: 1 }), {
        minItems: 1,
        description: 'Groups (roles). The consumer must have one of them.',
      }),
    ),
    claims: Type.Optional(
      Type.Record(Type.String({ minLength: 1 }), ClaimCondition, {
        description:
          'Conditions on claims, by name or by path with dots: `equals`, one of a list (`in`), or a list or text that `contains` a value.',
      }),
    ),
  },
  { additionalProperties: false },
)
/** The scopes, groups and claims that a consumer must have. */
export type Requirement = Static<typeof Requirement>

export const SchemeUse = Type.Object(
  {
    jwt: Type.Optional(Requirement),
    introspection: Type.Optional(Requirement),
    forwardAuth: Type.Optional(Requirement),
    signature: Type.Optional(Requirement),
    apiKey: Type.Optional(Requirement),
    basic: Type.Optional(Requirement),
    clientCertificate: Type.Optional(Requirement),
    login: Type.Optional(Requirement),
  },
  {
    additionalProperties: false,
    minProperties: 1,
    maxProperties: 1,
    title: "a scheme such as { jwt: { scopes: ['orders:read'] } }",
  },
)
export type SchemeUse = Static<typeof SchemeUse>
export type SchemeName = keyof SchemeUse

/** Fields of an entry of the configuration that gives scopes and groups to a consumer. */
export const grantFields = {
  scopes: Type.Optional(
    Type.Array(
      Type.String({
        pattern: '^[\\x21\\x23-\\x5B\\x5D-\\x7E]+$',
        title: 'scope: visible ASCII without quotes and backslashes',
      }),
      { description: 'Scopes of the consumer. Default: none.' },
    ),
  ),
  groups: Type.Optional(
    Type.Array(Type.String({ minLength: 1 }), { description: 'Groups (roles) of the consumer. Default: none.' }),
  ),
}

/** A URL of a service that the gateway calls. */
export const HttpUrl = (description: string) =>
  Type.String({ pattern: '^https?://', title: 'URL that starts with https:// or http://', description })

/** A text that is not empty. */
export const Text = (description: string) => Type.String({ minLength: 1, description })

/** How the gateway authenticates as a client of an authorization server. */
export const ClientAuth = Type.Enum(['basic', 'post'], {
  default: 'basic',
  description:
    'How client id and secret are sent (RFC 6749, section 2.3.1): in the `Authorization` header (`basic`), or in the body (`post`).',
})

const TOKEN = "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"

/**
 * Fields that name the places where a credential may be.
 * @param what    the credential, such as `token`
 * @param header  the default of the header
 */
export const placeFields = (what: string, header: string) => ({
  header: Type.Union([Type.Literal(false), Type.String({ pattern: TOKEN, title: 'name of a header' })], {
    default: header,
    description: `Header that holds the ${what}. \`false\`: none.`,
  }),
  query: Type.Optional(
    Type.String({
      pattern: TOKEN,
      title: 'name of letters, digits and -._~',
      description: `Query parameter that may hold the ${what}. It then appears in logs and browser histories. Default: none.`,
    }),
  ),
  cookie: Type.Optional(
    Type.String({
      pattern: TOKEN,
      title: 'name of a cookie',
      description: `Cookie that may hold the ${what}. A browser also sends it with requests that other sites cause. Default: none.`,
    }),
  ),
})

const SchemeList = Type.Array(SchemeUse, { minItems: 1 })

/** `auth` of a gateway, an upstream or a route. */
export const AuthDeclaration = Type.Union(
  [
    Type.Literal('none'),
    SchemeUse,
    SchemeList,
    Type.Object({ all: SchemeList }, { additionalProperties: false }),
    Type.Object({ optional: Type.Union([SchemeUse, SchemeList]) }, { additionalProperties: false }),
  ],
  {
    title:
      "'none', { jwt: { scopes: [...] } }, a list of schemes (any of them), { all: [schemes] } or { optional: scheme }",
    description:
      "Who may call. `'none'`: every client. A scheme such as `{ jwt: { scopes: ['orders:read'] } }`. A list: any of the schemes; the first whose credentials a request carries decides. `{ all: [...] }`: every scheme; the first names the consumer. `{ optional: ... }`: every client; the consumer is known if valid credentials are sent.",
  },
)
export type AuthDeclaration = Static<typeof AuthDeclaration>

/** An `auth` declaration in one normalised form. */
export interface AuthForm {
  mode: 'any' | 'all'
  optional: boolean
  /** Empty for `'none'`. */
  uses: { scheme: SchemeName; requirement: Requirement }[]
}

export function authForm(auth: AuthDeclaration): AuthForm {
  const uses = (list: SchemeUse | SchemeUse[]): AuthForm['uses'] =>
    [list].flat().map((use) => {
      const [[scheme, requirement]] = Object.entries(use) as [[SchemeName, Requirement]]
      return { scheme, requirement }
    })
  if (auth === 'none') return { mode: 'any', optional: true, uses: [] }
  if ('all' in auth) return { mode: 'all', optional: false, uses: uses(auth.all) }
  if ('optional' in auth) return { mode: 'any', optional: true, uses: uses(auth.optional) }
  return { mode: 'any', optional: false, uses: uses(auth) }
}

/** Who is calling: the result of every scheme. */
export interface Consumer {
  /** Unique among the consumers of a gateway: the `sub` of a token, the name of a key. */
  id: string
  /** The scheme that authenticated the consumer. */
  scheme: SchemeName
  scopes: readonly string[]
  /** Groups or roles. */
  groups: readonly string[]
  /** The plan of the consumer, which has limits of its own; absent without one. */
  plan?: string
  /** Everything that the credentials state. */
  claims: Readonly<Record<string, unknown>>
  /**
   * Headers that the scheme has for the upstream: lower-case name, value, name, value. Absent if there are none.
   */
  upstreamHeaders?: readonly string[]
}

declare module 'fastify' {
  interface FastifyRequest {
    /**
     * Set once the route's authentication has passed; null on open routes, and for anonymous clients where
     * authentication is optional.
     */
    consumer: Consumer | null
  }
}
