import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyRequest } from 'fastify'
import { withoutParameters } from '../auth/credentials.ts'
import { invalidatedBy, isUnsafe } from '../cache/invalidation.ts'
import { canonicalTarget } from './canonical-path.ts'
import type { ForwardPlan } from './forward-plan.ts'
import { publicLocation } from './location.ts'

/** Scheme, host, path and query, as the upstream is told of them: each can change its answer. */
export function cacheUrl ({ raw }: FastifyRequest, { cache, dropQuery, forwarded, hostLength }: ForwardPlan): string {
  const target = raw.url!.slice(hostLength)
  const own = dropQuery === null ? target : withoutParameters(target, dropQuery)
  return forwarded.originOf(raw) + (cache!.policy === null ? own : cache!.policy.countedTarget(own))
}

/** Puts out of the cache what the answer to an unsafe request says has changed (RFC 9111, section 4.4). */
export function invalidate (request: FastifyRequest, plan: ForwardPlan, status: number, headers: IncomingHttpHeaders): void {
  if (!isUnsafe(request.method)) return
  const seen = (field: string | undefined): string | undefined => field && publicLocation(field, plan)
  const fields = { location: seen(headers.location), 'content-location': seen(headers['content-location']) }
  const origin = plan.forwarded.originOf(request.raw)
  for (const url of invalidatedBy(cacheUrl(request, plan), status, fields)) {
    // spelled as the requests for it are
    plan.cache!.cache.purge({ url: origin + (canonicalTarget(url.slice(origin.length)) ?? url.slice(origin.length)), soft: false })
  }
}
