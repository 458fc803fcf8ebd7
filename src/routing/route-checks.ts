import type { FastifyInstance } from 'fastify'
import { compileResponseCheck, type ResponseCheck } from '../validation/response-check.ts'
import type { UpstreamDeclaration } from '../upstream/declaration-schema.ts'
import type { DeclaredRoute } from './declared-routes.ts'

/**
 * What looks at the responses of a route: its own schemas, else those of its operation; null when nobody wants to know.
 */
export function responseCheck(
  app: FastifyInstance,
  { declaration, api }: DeclaredRoute,
  upstream: UpstreamDeclaration,
): ResponseCheck | null {
  const own = declaration.schema?.response
  if ((declaration.responseValidation ?? upstream.responseValidation ?? 'off') === 'off') return null
  if (own !== undefined) return compileResponseCheck(own)
  return api === undefined ? null : app.operationResponseCheck(api.document, api.operation)
}

/** Headers that the operation of a document checks, in lower case. */
export const checkedHeaders = ({ api }: DeclaredRoute): string[] =>
  api === undefined
    ? []
    : api.operation.parameters.filter((parameter) => parameter.in === 'header').map(({ name }) => name.toLowerCase())
