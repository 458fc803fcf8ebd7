import type { Period } from './fixed-window.ts'

/** Largest distance of local midnight from midnight in UTC: time zones reach from UTC-12 to UTC+14. */
const FARTHEST = 15 * 3_600_000

/** A day or month of the calendar with its name: `2026-11-23`, `2026-11`. */
export interface CalendarPeriod extends Period {
  name: string
}

/**
 * Finds the day or month of a moment.
 * @param timeZone  IANA name, or `UTC`
 * @throws RangeError when there is no such time zone
 */
export function calendarPeriods(per: 'day' | 'month', timeZone: string): (now: number) => CalendarPeriod {
  const format = new Intl.DateTimeFormat('en-CA-u-ca-iso8601-nu-latn', {
    timeZone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
  })
  const dateAt = (time: number): string => {
    const parts = Object.fromEntries(format.formatToParts(time).map(({ type, value }) => [type, value]))
    return `${parts.year!.padStart(4, '0')}-${parts.month}-${parts.day}`
  }
  /** The first moment of a date. It may be 01:00, where clocks are set forward at midnight. */
  const beginOf = (date: string): number => {
    const midnight = Date.parse(`${date}T00:00:00Z`)
    let [before, after] = [midnight - FARTHEST, midnight + FARTHEST]
    while (after - before > 1) {
      const middle = Math.floor((before + after) / 2)
      if (dateAt(middle) >= date) after = middle
      else before = middle
    }
    return after
  }
  let current: CalendarPeriod = { name: '', start: 0, end: 0 }
  return (now) => {
    // computed once in a period, since it is expensive
    if (now < current.start || now >= current.end) {
      const [year, month, day] = dateAt(now).split('-').map(Number) as [number, number, number]
      const dateOf = (y: number, m: number, d: number): string =>
        new Date(Date.UTC(y, m - 1, d)).toISOString().slice(0, 10)
      const [first, next] =
        per === 'day'
          ? [dateOf(year, month, day), dateOf(year, month, day + 1)]
          : [dateOf(year, month, 1), dateOf(year, month + 1, 1)]
      current = { name: per === 'day' ? first : first.slice(0, 7), start: beginOf(first), end: beginOf(next) }
    }
    return current
  }
}
