/** What a limiter says of a request. */
export interface Taken {
  /** Whether the request may go on. What it costs has been taken only then: a refused request costs nothing. */
  allowed: boolean
  /** What is left, without the cost of this request. */
  remaining: number
  /** Milliseconds until everything is there again; 0 when nobody can tell, as for requests under way. */
  resetMs: number
  /** Milliseconds until the same request can be allowed; 0 when it is. */
  retryAfterMs: number
}

/** Counts the requests of many keys against one limit. */
export interface Limiter {
  /**
   * Takes the cost of a request, if there is that much.
   * @param key   whose request it is
   * @param cost  at least 1; more than the limit can never be allowed
   * @param now   milliseconds since 1970
   */
  take(key: string, cost: number, now: number): Taken | Promise<Taken>
}

/**
 * A limiter in the memory of the process. It never waits, so that nothing happens between two limits of one request.
 */
export interface MemoryLimiter extends Limiter {
  take(key: string, cost: number, now: number): Taken
  /** Gives back what `take` has taken: at the same moment, or for requests under way when they are over. */
  give(key: string, cost: number): void
}
