const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const WEEKDAY = '(?:mon|tue|wed|thu|fri|sat|sun)'
const LONG_WEEKDAY = '(?:monday|tuesday|wednesday|thursday|friday|saturday|sunday)'
const MONTH = `(?<month>${MONTHS.join('|')})`
const TIME = '(?<hours>\\d\\d):(?<minutes>\\d\\d):(?<seconds>\\d\\d)'

/** The three forms of a date (RFC 9110, section 5.6.7). Weekday, month and zone in any case, since some senders vary it. */
const HTTP_DATE = new RegExp(
  [
    `^${WEEKDAY}, (?<day>\\d\\d) ${MONTH} (?<year>\\d{4}) ${TIME} gmt$`,
    `^${LONG_WEEKDAY}, (?<day>\\d\\d)-${MONTH}-(?<year>\\d\\d) ${TIME} gmt$`,
    `^${WEEKDAY} ${MONTH} (?<day> \\d|\\d\\d) ${TIME} (?<year>\\d{4})$`,
  ].join('|'),
  'i',
)

/**
 * Reads an HTTP-date (RFC 9110, section 5.6.7).
 * @param now  milliseconds since 1970; a year of two digits lies at most 50 years after it
 * @returns milliseconds since 1970, or undefined when the text is no HTTP-date
 */
export function parseHttpDate(text: string | undefined, now: number): number | undefined {
  const parts = text === undefined ? undefined : HTTP_DATE.exec(text)?.groups
  if (parts === undefined) return undefined
  const [day, hours, minutes, seconds] = [parts.day!, parts.hours!, parts.minutes!, parts.seconds!].map(Number)
  // 60 for a leap second
  if (hours! > 23 || minutes! > 59 || seconds! > 60) return undefined
  let year = Number(parts.year)
  if (parts.year!.length === 2) {
    const thisYear = new Date(now).getUTCFullYear()
    year += Math.floor(thisYear / 100) * 100
    if (year > thisYear + 50) year -= 100
  }
  const midnight = Date.UTC(year, MONTHS.indexOf(parts.month!.toLowerCase()), day)
  if (new Date(midnight).getUTCDate() !== day) return undefined
  return midnight + (hours! * 3600 + minutes! * 60 + seconds!) * 1000
}
