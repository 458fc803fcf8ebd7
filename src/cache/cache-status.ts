/** Why a request has gone to the upstream (RFC 9211, section 2.2). */
export type ForwardReason = 'bypass' | 'method' | 'uri-miss' | 'vary-miss' | 'request' | 'stale' | 'partial'

/** What the cache has done about a request. */
export interface CacheOutcome {
  /** Why it went to the upstream; null when it did not. */
  readonly forwarded: ForwardReason | null
  /** Seconds that the response is still fresh; negative when stale. */
  readonly ttl?: number
  /** Status of the upstream, where it differs from what the client gets. */
  readonly upstreamStatus?: number
  readonly stored?: boolean
  /** Whether it shared the request of another. */
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

/** One word on it, for logs and metrics. */
export const outcomeWord = ({ forwarded, ttl = 0, collapsed }: CacheOutcome): string =>
  forwarded === null
    ? ttl < 0
      ? 'stale'
      : 'hit'
    : collapsed
      ? 'collapsed'
      : forwarded === 'bypass' || forwarded === 'method' || forwarded === 'request'
        ? 'bypass'
        : forwarded === 'stale'
          ? 'revalidated'
          : 'miss'
