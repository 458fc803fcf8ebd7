import { setTimeout as pause } from 'node:timers/promises'

/**
 * Asks again until the answer is there.
 * @param probe  returns what is waited for, or null, undefined or false while it is not there; an error counts as not there
 * @param bound  milliseconds until this fails with the last error
 */
export async function eventually<T> (what: string, probe: () => Promise<T | null | undefined | false> | T | null | undefined | false, bound = 60_000): Promise<T> {
  const deadline = Date.now() + bound
  // a probe that never comes back is no answer either
  const late = pause(bound, null, { ref: false })
  let cause: unknown
  while (Date.now() < deadline) {
    try {
      const found = await Promise.race([probe(), late])
      if (found !== null && found !== undefined && found !== false) return found
    } catch (error) {
      cause = error
    }
    await pause(25)
  }
  throw new Error(`waited ${bound} ms in vain: ${what}`, { cause })
}
