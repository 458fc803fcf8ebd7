import Type from 'typebox'

const DURATION_UNITS: Record<string, number> = {
  ms: 1,
  millisecond: 1,
  s: 1000,
  sec: 1000,
  second: 1000,
  m: 60_000,
  min: 60_000,
  minute: 60_000,
  h: 3_600_000,
  hour: 3_600_000,
  d: 86_400_000,
  day: 86_400_000,
}
const SIZE_UNITS: Record<string, number> = {
  b: 1,
  kb: 1000,
  mb: 1e6,
  gb: 1e9,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
}

const DURATION = '^\\d+(\\.\\d+)? ?(ms|s|sec|m|min|h|d|milliseconds?|seconds?|minutes?|hours?|days?)$'
const SIZE = '^\\d+(\\.\\d+)? ?([kKmMgG][iI]?)?[bB]$'

/** Longest timer in milliseconds, nearly 25 days: `setTimeout` takes a longer one for 1 ms. */
export const LONGEST_TIMER = 2 ** 31 - 1

/** Fewest and most milliseconds of a duration; the check of schemas knows this as the keyword `milliseconds`. */
export interface DurationRange {
  least: number
  most: number
}

/**
 * Schema of a length of time: whole milliseconds, or text such as `500ms`, `30s`, `1 minute`.
 * @param least  fewest milliseconds. Default: 0
 * @param most   most milliseconds. Default: what a timer can wait
 */
export const Duration = ({
  least = 0,
  most = LONGEST_TIMER,
  ...options
}: { description: string; default?: string | number } & Partial<DurationRange>) =>
  Type.Union([Type.Integer({ minimum: 0 }), Type.String({ pattern: DURATION })], {
    title: 'duration (milliseconds, or text such as "30s", "1 minute")',
    milliseconds: { least, most } satisfies DurationRange,
    ...options,
  })

const UNITS_SHOWN = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1000],
  ['ms', 1],
] as const

/** Milliseconds in the largest unit of which there is at least one, rounded down: `24 days`, `1 second`, `250 ms`. */
export function durationText(ms: number): string {
  const [unit, size] = UNITS_SHOWN.find(([, size]) => ms >= size) ?? ['ms', 1]
  const amount = Math.floor(ms / size)
  return `${amount} ${unit}${amount === 1 || unit === 'ms' ? '' : 's'}`
}

const isDuration = (value: unknown): value is number | string =>
  Number.isInteger(value) || (typeof value === 'string' && new RegExp(DURATION).test(value))

/**
 * What is wrong with the length of a duration, in words; undefined for one within its range, and for what is no
 * duration.
 */
export function durationMistake({ least, most }: DurationRange, value: unknown): string | undefined {
  if (!isDuration(value)) return undefined
  const time = milliseconds(value)
  if (time < least) return `allowed: at least ${durationText(least)}`
  // 24.8 days are told as 24
  return time > most ? `allowed: at most ${durationText(most)}` : undefined
}

/** Schema of a number of bytes: a whole number, or text such as `64KiB`, `10 MB`. */
export const ByteSize = (options: { description: string; default?: string | number }) =>
  Type.Union([Type.Integer({ minimum: 0 }), Type.String({ pattern: SIZE })], {
    title: 'size (bytes, or text such as "64KiB", "10MB")',
    ...options,
  })

/** Milliseconds of a value that `Duration` accepted. */
export function milliseconds(value: number | string): number {
  if (typeof value === 'number') return value
  const [, amount, unit] = /^([\d.]+) ?([a-z]+)$/.exec(value)!
  return Math.round(Number(amount) * (DURATION_UNITS[unit!] ?? DURATION_UNITS[unit!.slice(0, -1)]!))
}

/** Bytes of a value that `ByteSize` accepted. */
export function bytes(value: number | string): number {
  if (typeof value === 'number') return value
  const [, amount, unit] = /^([\d.]+) ?([a-z]+)$/.exec(value.toLowerCase())!
  return Math.round(Number(amount) * SIZE_UNITS[unit!]!)
}
