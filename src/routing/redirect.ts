import type { FastifyReply, FastifyRequest } from 'fastify'
import { compilePathTemplate, withQuery } from '../proxy/upstream-path.ts'
import type { RouteDeclaration } from '../upstream/declaration-schema.ts'

/**
 * Answers with a redirect (RFC 9110, section 15.4); parameters go into the path, the query is kept. @param pattern
 * internal pattern of the route
 */
export function redirectHandler(
  { to, status = 308 }: NonNullable<RouteDeclaration['redirect']>,
  pattern: string,
): (request: FastifyRequest, reply: FastifyReply) => void {
  const [, origin, path] = /^(https?:\/\/[^/]*)?(.*)$/.exec(to)!
  const expand = compilePathTemplate(path!, pattern)
  return (request, reply) => {
    const target = request.raw.url!
    const location = (origin ?? '') + withQuery(expand(request.params as Record<string, string>, target), target)
    reply.code(status).header('location', location).send()
  }
}
