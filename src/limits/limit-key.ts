import { addressKey } from './address-key.ts'
import type { LimitRule } from './limit-schema.ts'

/** Whose requests are counted together: `c:` and a consumer, or `a:` and an address, so that neither can pass for the other. */
export const limitKey = ({ by }: LimitRule, consumer: { id: string } | null, address: string): string =>
  by === 'consumer' && consumer !== null ? `c:${consumer.id}` : `a:${addressKey(address)}`
