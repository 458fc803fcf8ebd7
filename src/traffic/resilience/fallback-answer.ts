import type { FallbackSettings } from './resilience-schema.ts'

/** The answer to a client when the upstream has failed its request. */
export interface FallbackAnswer {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** Undefined for none. A buffer, so that Fastify adds no charset to its type. */
  readonly body: Buffer | undefined
  /** Statuses of the upstream that it replaces. */
  readonly on: ReadonlySet<number>
}

/** Compiles the fallback of a route; null for none. */
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
