import type { IncomingHttpHeaders } from 'node:http'
import { parseDictionary } from 'structured-headers'
import { type Directives, parseCacheControl } from './cache-control.ts'

/** Meant for this cache alone: it is kept, since what comes with a 304 is put to it, and not handed on. */
export const OWN_CONTROL = 'gatehouse-cache-control'

/** Fields that are meant for this cache, the nearest first (RFC 9213, section 2.2: its target list). */
const TARGETS = [OWN_CONTROL, 'cdn-cache-control'] as const

/** Directives that may list fields. */
const LISTS = new Set(['no-cache', 'private'])

export interface ControlOfResponse {
  directives: Directives
  /**
   * Whether a targeted field has said it, so that `Expires` and `Cache-Control` are passed over (RFC 9213, section
   * 2.2).
   */
  targeted: boolean
}

/** What a response says about how it may be cached here. */
export function controlOf(headers: IncomingHttpHeaders): ControlOfResponse {
  for (const name of TARGETS) {
    const field = headers[name]
    if (field === undefined) continue
    const directives = parseTargeted(String(field))
    if (directives !== null) return { directives, targeted: true }
  }
  return { directives: parseCacheControl(headers['cache-control']), targeted: false }
}

/** A structured dictionary; null when it is empty or none, and so passed over (RFC 9213, section 2.2). */
function parseTargeted(text: string): Directives | null {
  const found = new Map<string, string | null>()
  try {
    for (const [key, [value]] of parseDictionary(text)) {
      // members of a type that the directive has not are as though they were not there
      if (typeof value === 'number' && Number.isInteger(value) && value >= 0) found.set(key, String(value))
      else if (value === true) found.set(key, null)
      else if (typeof value === 'string' && LISTS.has(key)) found.set(key, value)
    }
  } catch {
    return null
  }
  return found.size > 0 ? found : null
}
