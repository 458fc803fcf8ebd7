import type { Cause } from './resilience-schema.ts'

/** How an attempt has failed, in the words of the monitors of targets. */
export type Failure = 'unreachable' | 'broken' | 'timeout' | 'cancelled'

const FAILURE_OF: Record<string, Failure> = { connect: 'unreachable', reset: 'broken', timeout: 'timeout' }

/** The failures that an `on` list names. */
export class FailureSet {
  readonly #statuses: ReadonlySet<number>
  readonly #failures: ReadonlySet<Failure>
  readonly #anyServerError: boolean

  constructor(causes: readonly Cause[]) {
    this.#statuses = new Set(causes.filter((cause) => typeof cause === 'number'))
    this.#failures = new Set(causes.map((cause) => FAILURE_OF[cause]).filter((failure) => failure !== undefined))
    this.#anyServerError = causes.includes('5xx')
  }

  /** Whether a response with this status is a failure. */
  hasStatus(status: number): boolean {
    return status >= 400 && ((this.#anyServerError && status >= 500) || this.#statuses.has(status))
  }

  /** Whether an attempt without a complete response is a failure. */
  hasFailure(failure: Failure): boolean {
    return this.#failures.has(failure)
  }
}
