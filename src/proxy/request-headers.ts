import type { FastifyRequest } from 'fastify'
import type { ForwardPlan } from './forward-plan.ts'
import { connectionNames } from './hop-by-hop.ts'

/**
 * The headers of the request to the upstream: name, value, name, value. `host` comes first, its value is put in for each
 * target. Node's parsed headers are the source, so that what was checked (one value for each name) is what is sent.
 */
export function requestHeaders (request: FastifyRequest, plan: ForwardPlan, hasBody: boolean): string[] {
  const incoming = request.raw.headers
  const headers = ['host', '']
  const named = connectionNames(incoming.connection)
  for (const name in incoming) {
    if (plan.requestDrop[name] || (named !== null && named.includes(name))) continue
    // undici states the length of what it sends; a length without a body would be refused
    if (name === 'content-length' && !hasBody) continue
    const value = incoming[name]!
    if (typeof value === 'string') headers.push(name, value)
    else for (const single of value) headers.push(name, single)
  }
  plan.forwarded.append(headers, request.raw, plan.strippedPrefix)
  headers.push('x-request-id', request.id)
  if (plan.identity !== null && request.consumer !== null) headers.push(...plan.identity.values(request.consumer))
  if (plan.requestPut.length > 0) headers.push(...plan.requestPut)
  return headers
}
