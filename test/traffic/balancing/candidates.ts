import type { BalancedRequest } from '../../../src/traffic/balancing/balancer.ts'

/** A target as policies see it. */
export interface TestTarget {
  id: string
  weight: number
  inFlight: number
}

export const target = (id: string, weight = 1, inFlight = 0): TestTarget => ({ id, weight, inFlight })

export const request = (more: Partial<BalancedRequest> = {}): BalancedRequest => ({
  ip: '192.0.2.1',
  protocol: 'http',
  headers: {},
  consumer: null,
  raw: { url: '/a/x?q=1' },
  ...more,
})

/** Numbers from 0 to below 1 that are the same in every run (xorshift). */
export function seededRandom(seed = 0x9e3779b9): () => number {
  let state = seed
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}

/** How often each was picked. */
export function tally(picks: readonly { id: string }[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { id } of picks) counts[id] = (counts[id] ?? 0) + 1
  return counts
}
