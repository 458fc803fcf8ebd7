import { existsSync } from 'node:fs'
import Type, { type Static } from 'typebox'
import { SchemeUse } from '../auth/auth-schema.ts'
import { BootProblems, type Problem } from '../errors.ts'
import { readDataFile } from '../schema/data-file.ts'

const Text = () => Type.Optional(Type.String())

const SchemeText = Type.Object({ description: Type.String({ minLength: 1 }) }, { additionalProperties: false })

/** Schema of `openapi/gateway.yaml`: title, servers and tags, in the fields of OpenAPI 3.1. */
export const GatewayDocument = Type.Object(
  {
    info: Type.Object(
      {
        title: Type.String(),
        version: Type.String({ description: 'Version of the API, in quotes: `"1.0"`.' }),
        summary: Text(),
        description: Text(),
        termsOfService: Text(),
        contact: Type.Optional(
          Type.Object({ name: Text(), url: Text(), email: Text() }, { additionalProperties: false }),
        ),
        license: Type.Optional(
          Type.Object({ name: Type.String(), identifier: Text(), url: Text() }, { additionalProperties: false }),
        ),
      },
      { additionalProperties: false },
    ),
    servers: Type.Optional(
      Type.Array(Type.Object({ url: Type.String(), description: Text() }, { additionalProperties: false })),
    ),
    components: Type.Optional(
      Type.Object(
        {
          securitySchemes: Type.Optional(
            Type.Object(
              Object.fromEntries(Object.keys(SchemeUse.properties).map((name) => [name, Type.Optional(SchemeText)])),
              {
                additionalProperties: false,
                description: 'How clients get credentials of a scheme, by its name as in `auth`.',
              },
            ),
          ),
        },
        { additionalProperties: false },
      ),
    ),
    tags: Type.Optional(
      Type.Array(Type.Object({ name: Type.String(), description: Text() }, { additionalProperties: false })),
    ),
  },
  { additionalProperties: false },
)
export type GatewayDocument = Static<typeof GatewayDocument>

/**
 * Reads `openapi/gateway.yaml`. Without the file, the document has a plain title.
 * @param name   of the file in messages
 * @param check  finds the problems in the content
 * @throws BootProblems
 */
export async function loadGatewayDocument(
  file: string,
  name: string,
  check: (document: unknown) => Problem[],
): Promise<GatewayDocument> {
  if (!existsSync(file)) return { info: { title: 'Gatehouse', version: '1.0.0' } }
  const { value } = readDataFile(file, name)
  const problems =
    value === null
      ? [{ file: name, field: '', message: 'is empty, allowed: info with title and version, or no such file' }]
      : check(value)
  if (problems.length > 0) throw new BootProblems(problems)
  return value as GatewayDocument
}
