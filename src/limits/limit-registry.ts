import { isDeepStrictEqual } from 'node:util'
import { BootProblems } from '../errors.ts'
import { calendarPeriods } from './calendar-period.ts'
import { Concurrency } from './concurrency.ts'
import { FixedWindow, windowOf } from './fixed-window.ts'
import { exemption, type KeyedRequest, limitKey } from './limit-key.ts'
import { statePrefix } from './limit-headers.ts'
import type { MemoryLimiter } from './limiter.ts'
import { byText, type LimitRule, limitText } from './limit-schema.ts'
import { SlidingWindow } from './sliding-window.ts'
import { TokenBucket } from './token-bucket.ts'

/** Largest integer that a structured field can hold (RFC 9651, section 3.3.1); the headers state limits and windows. */
const LARGEST = 999_999_999_999_999

/** A limit, compiled. */
export interface Limit {
  readonly rule: LimitRule
  /** The key of a request. */
  readonly keyOf: (request: KeyedRequest) => string
  /** Whether a request is exempt; null when none is. */
  readonly isExempt: ((request: KeyedRequest) => boolean) | null
  /** The most that is ever left. */
  readonly capacity: number
  /** The beginning of `RateLimit`. */
  readonly prefix: string
  /** The counter of this process. */
  readonly memory: MemoryLimiter
}

/** The limits of a gateway by name. Rules with the same name are one limit, on however many routes. */
export class LimitRegistry {
  readonly #size: number
  readonly #known = new Map<string, Limit>()

  /** @param size  most keys of a limit in memory */
  constructor(size: number) {
    this.#size = size
  }

  /**
   * @param file  who declares the rule, for the message
   * @throws BootProblems when the rule is invalid, or differs from another one with the same name
   */
  limit(rule: LimitRule, file: string): Limit {
    const refuse = (message: string): never => {
      throw new BootProblems([{ file, field: 'rateLimit', message }])
    }
    checkNumbers(rule, refuse)
    const known = this.#known.get(rule.name)
    if (known !== undefined) {
      if (!isDeepStrictEqual(known.rule, rule)) {
        refuse(
          `the limit "${rule.name}" is ${ruleText(rule)} here and ${ruleText(known.rule)} elsewhere: one name is one limit`,
        )
      }
      return known
    }
    const limit: Limit = {
      rule,
      keyOf: limitKey(rule.by),
      isExempt: attempt(
        () => exemption(rule.except),
        () =>
          refuse(
            `except.addresses: found ${rule.except!.addresses!.map((address) => `"${address}"`).join(', ')}, allowed: IP addresses and networks such as 10.0.0.0/8`,
          ),
      ),
      capacity: capacityOf(rule),
      prefix: statePrefix(rule),
      memory: attempt(
        () => memoryLimiter(rule, this.#size),
        () => refuse(`quota.timeZone: found "${rule.timeZone}", allowed: IANA time zone such as Europe/Berlin`),
      ),
    }
    this.#known.set(rule.name, limit)
    return limit
  }
}

/** The most that is ever left of a limit. */
export const capacityOf = ({ burst, max }: LimitRule): number => burst ?? max

/** The counter of a rule in memory. */
export function memoryLimiter(rule: LimitRule, size: number): MemoryLimiter {
  const { max, windowMs } = rule
  switch (rule.algorithm) {
    case 'fixed':
      return new FixedWindow(max, windowOf(windowMs), size)
    case 'sliding':
      return new SlidingWindow(max, windowMs, size)
    case 'token-bucket':
      return new TokenBucket(max, windowMs, capacityOf(rule), size)
    case 'concurrency':
      return new Concurrency(max)
    case 'quota':
      return new FixedWindow(max, calendarPeriods(rule.per!, rule.timeZone ?? 'UTC'), size)
  }
}

function checkNumbers({ algorithm, max, windowMs, burst }: LimitRule, refuse: (message: string) => never): void {
  const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 1 && value <= LARGEST
  if (!isCount(max)) refuse(`found max ${max}, allowed: a whole number of at least 1`)
  if (algorithm !== 'concurrency' && algorithm !== 'quota' && !isCount(windowMs)) {
    refuse(`found a window of ${windowMs} ms, allowed: at least 1 ms`)
  }
  if (burst === undefined) return
  if (algorithm !== 'token-bucket') {
    refuse(`found burst with the algorithm ${algorithm}, allowed: with token-bucket only`)
  }
  // above this, tokens times milliseconds is not an exact integer
  if (!isCount(burst) || burst * windowMs > Number.MAX_SAFE_INTEGER) {
    refuse(`found burst ${burst}, allowed: a whole number of at least 1, and less in so long a window`)
  }
}

function attempt<T>(make: () => T, fail: () => never): T {
  try {
    return make()
  } catch {
    return fail()
  }
}

const ruleText = (rule: LimitRule): string =>
  `${limitText(rule)} by ${byText(rule.by)}${rule.except ? ' with exceptions' : ''}`
