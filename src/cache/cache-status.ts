/** Why a request was forwarded to the upstream (RFC 9211, section 2.2). */
export type ForwardReason = 'bypass' | 'method' | 'uri-miss' | 'vary-miss' | 'request' | 'stale' | 'partial'

/** How the cache handled a request. */
export interface CacheOutcome {
  /** Why it was forwarded; null for a hit. */
  readonly forwarded: ForwardReason | null
  /** Seconds for which the response is still fresh; negative when stale. */
  readonly ttl?: number
  /** Status of the upstream's answer. */
  readonly upstreamStatus?: number
  readonly stored?: boolean
  /** Whether it shared the fetch of another request (collapsed forwarding). */
  readonly collapsed?: boolean
}

/** `Cache-Status` (RFC 9211). */
export function cacheStatus({ forwarded, ttl, upstreamStatus, stored, collapsed }: CacheOutcome): string {
  let text = forwarded === null ? 'Gatehouse; hit' : `Gatehouse; fwd=${forwarded}`
  if (upstreamStatus !== undefined) text += `; fwd-status=${upstreamStatus}`
  if (ttl !== undefined) text += `; ttl=${Math.floor(ttl)}`
  if (stored) text += '; stored'
  if (collapsed) text += '; collapsed'
  return text
}

/** The outcome in one word, for logs and metrics. */
export function outcomeWord({ forwarded, ttl = 0, collapsed }: CacheOutcome): string {
  if (forwarded === null) return ttl < 0 ? 'stale' : 'hit'
  if (collapsed) return 'collapsed'
  if (forwarded === 'bypass' || forwarded === 'method' || forwarded === 'request') return 'bypass'
  return forwarded === 'stale' ? 'revalidated' : 'miss'
}
