import type { IncomingHttpHeaders } from 'node:http'
import { deltaSeconds } from './cache-control.ts'
import { parseHttpDate } from './http-date.ts'

/** `Age` in seconds: the first member counts, and one that is no number is passed over (RFC 9111, section 5.1). */
export function parseAge(field: string | string[] | undefined): number {
  if (field === undefined) return 0
  return deltaSeconds(String(field).split(',', 1)[0]!.trim()) ?? 0
}

/**
 * The age of a response when it came (RFC 9111, section 4.2.3: corrected_initial_age).
 * @param sentAt  when the request was sent, in milliseconds since 1970
 * @param cameAt  when the response came
 * @returns seconds
 */
export function initialAge(headers: IncomingHttpHeaders, sentAt: number, cameAt: number): number {
  const date = parseHttpDate(headers.date, cameAt) ?? cameAt
  const apparent = Math.max(0, (cameAt - date) / 1000)
  const delay = Math.max(0, cameAt - sentAt) / 1000
  return Math.max(apparent, parseAge(headers.age) + delay)
}
