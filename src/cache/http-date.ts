const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const DAY = '(?:mon|tue|wed|thu|fri|sat|sun)'
const LONG_DAY = '(?:monday|tuesday|wednesday|thursday|friday|saturday|sunday)'
const TIME = '(\\d\\d):(\\d\\d):(\\d\\d)'
const MONTH = `(${MONTHS.join('|')})`

/** The three forms of a date (RFC 9110, section 5.6.7). Day, month and zone in any case, since some senders vary it. */
const FIXDATE = new RegExp(`^${DAY}, (\\d\\d) ${MONTH} (\\d{4}) ${TIME} gmt$`, 'i')
const RFC850 = new RegExp(`^${LONG_DAY}, (\\d\\d)-${MONTH}-(\\d\\d) ${TIME} gmt$`, 'i')
const ASCTIME = new RegExp(`^${DAY} ${MONTH} ( \\d|\\d\\d) ${TIME} (\\d{4})$`, 'i')

/**
 * Reads an HTTP-date (RFC 9110, section 5.6.7).
 * @param now  milliseconds since 1970; a year of two digits lies at most 50 years after it
 * @returns milliseconds since 1970, or undefined when the text is no HTTP-date
 */
export function parseHttpDate(text: string | undefined, now: number): number | undefined {
  if (text === undefined) return undefined
  let match = FIXDATE.exec(text)
  if (match !== null) return instant(match[3]!, match[2]!, match[1]!, match, 4)
  match = ASCTIME.exec(text)
  if (match !== null) return instant(match[6]!, match[1]!, match[2]!, match, 3)
  match = RFC850.exec(text)
  if (match === null) return undefined
  const century = Math.floor(new Date(now).getUTCFullYear() / 100) * 100
  const year = century + Number(match[3])
  return instant(String(year > new Date(now).getUTCFullYear() + 50 ? year - 100 : year), match[2]!, match[1]!, match, 4)
}

function instant(year: string, month: string, day: string, match: RegExpExecArray, timeAt: number): number | undefined {
  const [hours, minutes, seconds] = match.slice(timeAt, timeAt + 3).map(Number) as [number, number, number]
  // 60 for a leap second
  if (hours > 23 || minutes > 59 || seconds > 60) return undefined
  const date = Number(day)
  const midnight = Date.UTC(Number(year), MONTHS.indexOf(month.toLowerCase()), date)
  return new Date(midnight).getUTCDate() === date
    ? midnight + (hours * 3600 + minutes * 60 + seconds) * 1000
    : undefined
}
