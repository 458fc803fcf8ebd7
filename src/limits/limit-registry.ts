import { BootProblems } from '../errors.ts'
import type { LimitRule } from './limit-schema.ts'

/** Largest integer that a structured field can hold (RFC 9651, section 3.3.1); the headers state limits and windows. */
const LARGEST = 999_999_999_999_999

/** The limits of a gateway by their names: rules of one name are one limit, on however many routes. */
export class LimitRegistry<Limiter> {
  readonly #create: (rule: LimitRule) => Limiter
  readonly #known = new Map<string, { rule: LimitRule, limiter: Limiter }>()

  /** @param create  makes what counts; called once for each name */
  constructor (create: (rule: LimitRule) => Limiter) {
    this.#create = create
  }

  /**
   * @param file  who declares the rule, for the message
   * @throws BootProblems when the rule limits nothing, or contradicts another of the same name
   */
  limiter (rule: LimitRule, file: string): Limiter {
    const refuse = (message: string): never => { throw new BootProblems([{ file, field: 'rateLimit', message }]) }
    if (!Number.isSafeInteger(rule.max) || rule.max < 1 || rule.max > LARGEST) refuse(`found max ${rule.max}, allowed: a whole number of at least 1`)
    if (!Number.isSafeInteger(rule.windowMs) || rule.windowMs < 1 || rule.windowMs > LARGEST) refuse(`found a window of ${rule.windowMs} ms, allowed: at least 1 ms`)
    const known = this.#known.get(rule.name)
    if (known === undefined) {
      const limiter = this.#create(rule)
      this.#known.set(rule.name, { rule, limiter })
      return limiter
    }
    if (known.rule.max !== rule.max || known.rule.windowMs !== rule.windowMs || known.rule.by !== rule.by) {
      refuse(`the limit "${rule.name}" is ${text(rule)} here and ${text(known.rule)} elsewhere: one name is one limit`)
    }
    return known.limiter
  }
}

const text = ({ max, windowMs, by }: LimitRule): string => `${max} per ${windowMs} ms by ${by}`
