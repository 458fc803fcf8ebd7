import { setTimeout as pause } from 'node:timers/promises'

/** Longest pause between two questions. Milliseconds. */
const LONGEST_PAUSE = 25

/**
 * Asks again until the answer is there. The bound is for what never comes: it is far beyond what any machine needs, and
 * says nothing about speed.
 * @param probe  returns what is waited for, or null, undefined or false while it is not there; an error counts as not
 *   there
 * @param bound  milliseconds until this fails with the last error
 */
export async function eventually<T>(
  what: string,
  probe: () => Promise<T | null | undefined | false> | T | null | undefined | false,
  bound = 120_000,
): Promise<T> {
  // tests set `Date` as they like
  const deadline = performance.now() + bound
  // a probe that never comes back is no answer either
  const late = pause(bound, null, { ref: false })
  let cause: unknown
  for (let wait = 1; performance.now() < deadline; wait = Math.min(2 * wait, LONGEST_PAUSE)) {
    try {
      const found = await Promise.race([probe(), late])
      if (found !== null && found !== undefined && found !== false) return found
    } catch (error) {
      cause = error
    }
    await pause(wait)
  }
  throw new Error(`waited ${bound} ms in vain: ${what}`, { cause })
}
