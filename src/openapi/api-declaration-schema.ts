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
            'File below the `openapi` folder, or an `http(s)` URL. The last valid copy of a URL is kept in that folder, so the gateway starts while the service is away.',
        }),
        security: Type.Optional(
          Type.Record(Type.String({ minLength: 1 }), SchemeUse, {
            description:
              'Maps security schemes of the document to schemes of the gateway, such as `{ petstore_auth: { jwt: {} } }`. The scopes of an operation are required too. Without it the `security` of the document is ignored, and `auth` applies to every operation.',
          }),
        ),
        unsecured: Type.Optional(
          Type.Unsafe<AuthDeclaration>({
            ...AuthDeclaration,
            description:
              'Who may call the operations for which the document requires no security. If security is optional in the document (`{}`), anonymous clients are let in only if this is `none`. Default: `auth` of the upstream.',
          }),
        ),
        faults: Type.Optional(
          Type.Union([Type.Literal('refuse'), Type.Literal('omit'), Type.Literal('loosen')], {
            description:
              'What happens to a document with a fault. `refuse`: the gateway does not start. `omit`: operations with a fault are left out, and their method and path are answered 501. `loosen`: a faulty schema allows everything, and faults elsewhere are handled as with `omit`. Each fault is reported with file and line, in the log and by `check`. Default: `refuse`.',
          }),
        ),
        refresh: Type.Optional(
          Duration({
            description:
              'How often a document at a URL is fetched again. A change is logged. It takes effect with `--watch` or at the next start. Default: never.',
          }),
        ),
        remote: Type.Optional(
          Type.Array(Type.String({ minLength: 1 }), {
            description:
              'URLs to which a `$ref` may lead: host names, or the beginnings of URLs. Default: none, a `$ref` may lead only to files below the `openapi` folder.',
          }),
        ),
      },
      { additionalProperties: false },
    ),
  ],
  {
    title: "a document such as 'orders.yaml', or { document, security, unsecured, faults, refresh, remote }",
    description:
      'An API document (OpenAPI 3.1, 3.0 or Swagger 2.0). Each of its operations becomes a validated, documented route. A route of this file with the same method and path overrides its operation, field by field. Other paths are answered 404 unless `passThrough` is on.',
  },
)
export type ApiDeclaration = Static<typeof ApiDeclaration>

/** The declaration in one normalised form. */
export type ApiSettings = Exclude<ApiDeclaration, string>

export const apiSettings = (declaration: ApiDeclaration): ApiSettings =>
  typeof declaration === 'string' ? { document: declaration } : declaration
