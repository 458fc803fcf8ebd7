import type { FastifyReply } from 'fastify'

const KEPT_ON_FAILURE = new Set([
  'x-request-id',
  'ratelimit',
  'ratelimit-policy',
  'access-control-allow-origin',
  'access-control-allow-credentials',
  'access-control-expose-headers',
  'vary',
  'cache-status',
])

/** Takes the headers of the upstream off a reply that will be an error of the gateway. */
export function forgetContent(reply: FastifyReply): void {
  for (const name of Object.keys(reply.getHeaders())) {
    if (KEPT_ON_FAILURE.has(name)) continue
    reply.removeHeader(name)
    reply.raw.removeHeader(name)
  }
  // Node takes the removal of the upstream's date for a wish to have none
  reply.raw.sendDate = true
}
