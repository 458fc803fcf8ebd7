import { Client } from 'undici'
import type { HealthCheckSettings } from '../traffic/health/health-schema.ts'
import { clientOptions, reach } from './dial.ts'
import type { Target } from './target.ts'

/** Length of a body that is read. Bytes. */
const BODY_LIMIT = 64 * 1024

/**
 * Makes the health check of a target over a new connection, since an old one says nothing about new ones.
 */
export function targetProbe(
  target: Target,
  { path, status, body, headers }: HealthCheckSettings,
): (signal: AbortSignal) => Promise<void> {
  if (path === undefined) return (signal) => reach(target.dial, signal)
  const passes = (code: number): boolean => (status === undefined ? code < 400 : status.includes(code))
  return async (signal) => {
    const client = new Client(target.origin, { ...clientOptions(target.dial), pipelining: 0, maxResponseSize: -1 })
    try {
      const response = await client.request({
        method: 'GET',
        path: target.basePath + path,
        headers: { 'user-agent': 'gatehouse-health-check', ...headers },
        signal,
      })
      if (!passes(response.statusCode)) throw new Error(`answered ${response.statusCode}`)
      if (body === undefined) return
      let text = ''
      for await (const chunk of response.body.setEncoding('utf8')) {
        text += chunk
        if (text.includes(body)) return
        if (text.length > BODY_LIMIT) break
      }
      throw new Error('the body lacks the text that is expected')
    } catch (error) {
      signal.throwIfAborted()
      throw error
    } finally {
      client.destroy().catch(() => {})
    }
  }
}
