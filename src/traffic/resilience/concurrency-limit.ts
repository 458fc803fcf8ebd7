import { AdaptiveLimit } from './adaptive-limit.ts'
import type { ConcurrencySettings } from './resilience-schema.ts'

/** Bounds how many requests of an upstream are in flight. */
export interface ConcurrencyLimit {
  readonly inFlight: number
  readonly limit: number
  /** Lets one more in, or says no. */
  tryAcquire(): boolean
  /**
   * A request that was let in is over.
   * @param latency  milliseconds until its response began; 0 when that tells nothing
   * @param failed   whether the upstream has failed it
   */
  release(latency: number, failed: boolean): void
}

/** A limit that stays as it is. */
export class FixedLimit implements ConcurrencyLimit {
  readonly limit: number
  inFlight = 0

  constructor(max: number) {
    this.limit = max
  }

  tryAcquire(): boolean {
    if (this.inFlight >= this.limit) return false
    this.inFlight++
    return true
  }

  release(): void {
    this.inFlight--
  }
}

/** The limit of an upstream, or null for none. */
export function concurrencyLimit(settings: ConcurrencySettings | undefined): ConcurrencyLimit | null {
  if (!settings) return null
  if (settings.max !== undefined) return new FixedLimit(settings.max)
  const { minimum = 10, maximum = 1000 } = settings.adaptive!
  return new AdaptiveLimit(minimum, maximum)
}
