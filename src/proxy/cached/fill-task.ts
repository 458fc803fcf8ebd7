import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyRequest } from 'fastify'
import type { CacheKey } from '../../cache/cache-key.ts'
import type { CachePolicy } from '../../cache/cache-policy.ts'
import type { ForwardReason } from '../../cache/cache-status.ts'
import type { StoredResponse } from '../../cache/stored-response.ts'
import { type Audience, audienceOf, type StoringRequest, type UpstreamAnswer } from '../../cache/storing-rules.ts'
import { varyNames } from '../../cache/vary.ts'
import type { ForwardPlan } from '../forward-plan.ts'
import type { ResponseCache } from './response-cache.ts'

/** What a request to the upstream is about whose answer is for the cache. */
export interface FillTask {
  readonly cache: ResponseCache
  readonly policy: CachePolicy
  /** Where it goes when everybody may have it. */
  readonly sharedKey: CacheKey
  /** Where it goes when only the same consumer may. */
  readonly ownKey: CacheKey
  readonly storing: StoringRequest
  /** What is stored and to be validated. */
  readonly stored: StoredResponse | null
  readonly reason: ForwardReason
  /** Under what others find this request, to share it; null when nobody may. */
  readonly name: string | null
}

/**
 * What the gateway itself tells the upstream of each client, so that no header of the request shows what a response
 * varies by.
 */
const ABOUT_CLIENT = ['forwarded', 'x-forwarded-for', 'x-real-ip', 'via', 'x-request-id']

/** Who may have the answer of the upstream. */
export function audienceOfAnswer(
  task: FillTask,
  plan: ForwardPlan,
  request: FastifyRequest,
  { status, headers, control }: UpstreamAnswer,
): Audience {
  if (request.method === 'HEAD') return 'none'
  const { policy, storing } = task
  const audience = audienceOf(storing, status, headers, control, {
    hasTtl: policy.ttlOf(status, headers, control) !== undefined,
    sharesCookies: policy.sharesCookies,
  })
  return narrowed(audience, headers.vary, plan, request, storing)
}

/** Who may have what was stored, once a 304 or the head of a 200 has changed its headers. */
export function audienceOfFreshened(
  { policy, storing }: FillTask,
  plan: ForwardPlan,
  request: FastifyRequest,
  response: StoredResponse,
): Audience {
  const headers = response.headers as IncomingHttpHeaders
  const { credentials, cookies } = response.askedWith
  const asked = {
    ...storing,
    isAuthenticated: storing.isAuthenticated || credentials,
    hasCookies: storing.hasCookies || cookies,
  }
  const audience = audienceOf(asked, response.status, headers, policy.controlOf(response.status, headers), {
    hasTtl: true,
    sharesCookies: policy.sharesCookies,
  })
  return narrowed(audience, headers.vary, plan, request, storing)
}

/** Keeps what was stored as it is now, there where those look for it who may have it, and nowhere else. */
export async function replaceStored(
  { cache, ownKey, sharedKey, stored }: FillTask,
  response: StoredResponse,
  audience: Audience,
  since: number,
): Promise<void> {
  const forgotten = [...(audience === 'all' ? [] : [sharedKey]), ...(audience === 'none' ? [ownKey] : [])]
  await Promise.all(forgotten.map((key) => cache.forget(key, stored!)))
  if (audience !== 'none') await cache.save(audience === 'all' ? sharedKey : ownKey, response, since)
}

/** The audience of a response that may vary by what the gateway has told the upstream of the client or the consumer. */
function narrowed(
  audience: Audience,
  vary: string | string[] | undefined,
  { identity }: ForwardPlan,
  { consumer }: FastifyRequest,
  { hasOwner }: StoringRequest,
): Audience {
  if (vary === undefined || audience === 'none') return audience
  const names = varyNames(vary)
  if (names.some((name) => ABOUT_CLIENT.includes(name))) return 'none'
  const told = [...(identity?.names ?? []), ...(consumer?.upstreamHeaders?.filter((_, i) => i % 2 === 0) ?? [])]
  if (!told.some((name) => names.includes(name))) return audience
  // what is the same for nobody in particular would be found by everybody
  return hasOwner ? 'same' : 'none'
}
