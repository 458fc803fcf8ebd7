/**
 * Milliseconds that a `Retry-After` field asks for: seconds, or an HTTP-date (RFC 9110, section 10.2.3). Undefined when
 * it is neither; 0 for a date that has passed.
 * @param now  milliseconds since 1970
 */
export function retryAfterDelay(value: unknown, now: number): number | undefined {
  if (typeof value !== 'string') return undefined
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000
  // Date.parse takes much else; an HTTP-date always begins with the name of a day, and is in UTC though its oldest form
  // does not say so
  const date = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? .*\d\d:\d\d:\d\d/.test(value)
    ? Date.parse(value.endsWith(' GMT') ? value : `${value} GMT`)
    : NaN
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
}
