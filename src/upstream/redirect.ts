import type { FastifyReply, FastifyRequest } from 'fastify'
import { compilePathTemplate } from '../proxy/path-template.ts'
import type { RouteDeclaration } from './declaration-schema.ts'

/** Answers with a redirect (RFC 9110, section 15.4); parameters go into the path, the query is kept. */
export function redirectHandler ({ to, status = 308 }: NonNullable<RouteDeclaration['redirect']>): (request: FastifyRequest, reply: FastifyReply) => void {
  const [, origin, path] = /^(https?:\/\/[^/]*)?(.*)$/.exec(to)!
  const expand = compilePathTemplate(path!)
  return (request, reply) => {
    const target = request.raw.url!
    const query = target.indexOf('?')
    const location = (origin ?? '') + expand(request.params as Record<string, string>)
    const kept = query === -1 ? '' : location.includes('?') ? `&${target.slice(query + 1)}` : target.slice(query)
    reply.code(status).header('location', location + kept).send()
  }
}
