/** Numbers from 0 (inclusive) to 1. */
export type Random = () => number

/** A source of numbers that a seed repeats (mulberry32). */
export function random(seed: number): { next: Random } {
  let state = seed >>> 0
  return {
    next: () => {
      state = (state + 0x6d2b79f5) >>> 0
      let t = state
      t = Math.imul(t ^ (t >>> 15), t | 1)
      t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
      return ((t ^ (t >>> 14)) >>> 0) / 4294967296
    },
  }
}

export const whole = (next: Random, below: number): number => Math.floor(next() * below)
export const choice = <T>(next: Random, of: readonly T[]): T => of[whole(next, of.length)]!
