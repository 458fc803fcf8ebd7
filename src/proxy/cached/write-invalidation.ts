import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyRequest } from 'fastify'
import { cacheUrl } from '../../cache/cache-key.ts'
import { invalidatedBy, isUnsafe } from '../../cache/purge.ts'
import { isAsIs } from '../upstream-path.ts'
import { canonicalTarget } from '../../listener/canonical-path.ts'
import { hasDestination } from '../destination.ts'
import type { ForwardPlan } from '../forward-plan.ts'
import { publicLocation } from '../public-fields.ts'

/**
 * Purges what an unsafe request has changed, according to its answer (RFC 9111, section 4.4).
 * @returns null when there is nothing to wait for; else resolves when the answer may go to the client
 */
export function invalidate(
  request: FastifyRequest,
  plan: ForwardPlan,
  status: number,
  headers: IncomingHttpHeaders,
): Promise<void> | null {
  if (!isUnsafe(request.method)) return null
  // an upstream may repeat a field
  const fields = [headers.location, headers['content-location']]
    .flat()
    .flatMap((field) => (field === undefined ? [] : [publicLocation(field, plan)]))
  // a COPY or MOVE has written to its destination
  if (hasDestination(request.method)) fields.push(String(request.raw.headers.destination ?? ''))
  const urls = invalidatedBy(cacheUrl(request.raw, plan), status, fields)
  if (urls.length === 0) return null
  const origin = plan.forwarded.originOf(request.raw)
  // keys have the path as it was requested: as-is, or canonical
  if (isAsIs(request.raw.url!)) return plan.cache!.cache.invalidate(urls)
  return plan.cache!.cache.invalidate(
    urls.map((url) => origin + (canonicalTarget(url.slice(origin.length)) ?? url.slice(origin.length))),
  )
}
