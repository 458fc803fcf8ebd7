import Type, { type Static } from 'typebox'
import { AuthDeclaration, SchemeUse } from '../auth/auth-schema.ts'
import { Duration } from '../units.ts'

/** `openapi` of an upstream file. */
export const ApiDeclaration = Type.Union(
  [
    Type.String({ minLength: 1 }),
    Type.Object(
      {
        document: Type.String({
          minLength: 1,
          description:
            'File below the `openapi` folder, or an `http(s)` URL. Of a URL the last good copy is kept in that folder, so that the gateway starts while the service is away.',
        }),
        security: Type.Optional(
          Type.Record(Type.String({ minLength: 1 }), SchemeUse, {
            description:
              'Security scheme of the document to scheme of the gateway, such as `{ petstore_auth: { jwt: {} } }`; the scopes that an operation asks for are asked for here too. Without it the `security` of the document has no say, and `auth` holds for every operation.',
          }),
        ),
        unsecured: Type.Optional(
          Type.Unsafe<AuthDeclaration>({
            ...AuthDeclaration,
            description:
              'Who may call the operations for which the document asks for no security. Only where it is `none` do operations for which security is optional in the document (`{}`) let strangers in. Default: `auth` of the upstream.',
          }),
        ),
        faults: Type.Optional(
          Type.Union([Type.Literal('refuse'), Type.Literal('omit'), Type.Literal('loosen')], {
            description:
              'What happens to a document with a fault. `refuse`: the gateway does not start. `omit`: the operations that the fault concerns are left out, and their method and path are answered 501. `loosen`: a faulty schema allows everything; faults elsewhere are handled as with `omit`. Each is told with file and line, in the log and by `check`. Default: `refuse`.',
          }),
        ),
        refresh: Type.Optional(
          Duration({
            description:
              'How often a document of a URL is asked for again; a change is told in the log, and taken over by `--watch` or the next start. Default: never.',
          }),
        ),
        remote: Type.Optional(
          Type.Array(Type.String({ minLength: 1 }), {
            description:
              'Beginnings of the URLs to which a `$ref` may lead. Default: none, a `$ref` leads to files below the `openapi` folder only.',
          }),
        ),
      },
      { additionalProperties: false },
    ),
  ],
  {
    title: "a document such as 'orders.yaml', or { document, security, unsecured, faults, refresh, remote }",
    description:
      'An API document (OpenAPI 3.1, 3.0 or Swagger 2.0): each of its operations becomes a validated, documented route. A route of this file with the same method and path goes before its operation, field by field. Other paths are answered 404 unless `passThrough` is on.',
  },
)
export type ApiDeclaration = Static<typeof ApiDeclaration>

/** The declaration in one form. */
export type ApiSettings = Exclude<ApiDeclaration, string>

export const apiSettings = (declaration: ApiDeclaration): ApiSettings =>
  typeof declaration === 'string' ? { document: declaration } : declaration
