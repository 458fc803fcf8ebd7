import Type from 'typebox'

const DURATION_UNITS: Record<string, number> = {
  ms: 1, millisecond: 1, s: 1000, sec: 1000, second: 1000, m: 60_000, min: 60_000, minute: 60_000,
  h: 3_600_000, hour: 3_600_000, d: 86_400_000, day: 86_400_000,
}
const SIZE_UNITS: Record<string, number> = {
  b: 1, kb: 1000, mb: 1e6, gb: 1e9, kib: 1024, mib: 1024 ** 2, gib: 1024 ** 3,
}

const DURATION = '^\\d+(\\.\\d+)? ?(ms|s|sec|m|min|h|d|milliseconds?|seconds?|minutes?|hours?|days?)$'
const SIZE = '^\\d+(\\.\\d+)? ?([kKmMgG][iI]?)?[bB]$'

/** Schema of a length of time: whole milliseconds, or text such as `500ms`, `30s`, `1 minute`. */
export const Duration = (options: { description: string, default?: string | number }) => Type.Union([
  Type.Integer({ minimum: 0 }), Type.String({ pattern: DURATION }),
], { title: 'duration (milliseconds, or text such as "30s", "1 minute")', ...options })

/** Schema of a number of bytes: a whole number, or text such as `64KiB`, `10 MB`. */
export const ByteSize = (options: { description: string, default?: string | number }) => Type.Union([
  Type.Integer({ minimum: 0 }), Type.String({ pattern: SIZE }),
], { title: 'size (bytes, or text such as "64KiB", "10MB")', ...options })

/** Milliseconds of a value that `Duration` accepted. */
export function milliseconds (value: number | string): number {
  if (typeof value === 'number') return value
  const [, amount, unit] = /^([\d.]+) ?([a-z]+)$/.exec(value)!
  return Math.round(Number(amount) * (DURATION_UNITS[unit!] ?? DURATION_UNITS[unit!.slice(0, -1)]!))
}

/** Bytes of a value that `ByteSize` accepted. */
export function bytes (value: number | string): number {
  if (typeof value === 'number') return value
  const [, amount, unit] = /^([\d.]+) ?([a-z]+)$/.exec(value.toLowerCase())!
  return Math.round(Number(amount) * SIZE_UNITS[unit!]!)
}
