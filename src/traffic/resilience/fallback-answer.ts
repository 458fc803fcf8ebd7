import type { FallbackSettings } from './resilience-schema.ts'

/** What a client gets when the upstream has failed its request. */
export interface FallbackAnswer {
  readonly status: number
  /** Names in small letters. */
  readonly headers: Readonly<Record<string, string>>
  /** Undefined for none. As bytes, so that nobody adds a charset to its type. */
  readonly body: Buffer | undefined
  /** Statuses of the upstream's own that it replaces. */
  readonly on: ReadonlySet<number>
}

/** The fallback of a route, ready to be sent; null for none. */
export function fallbackAnswer(settings: FallbackSettings | undefined): FallbackAnswer | null {
  if (!settings) return null
  const { status = 200, headers = {}, body, on = [] } = settings
  const type = typeof body === 'string' ? 'text/plain; charset=utf-8' : 'application/json'
  return {
    status,
    headers: {
      ...(body === undefined ? {} : { 'content-type': type }),
      ...Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
    },
    body: body === undefined ? undefined : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
    on: new Set(on),
  }
}
