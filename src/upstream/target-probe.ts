import { connect, type NetConnectOpts } from 'node:net'
import type { HealthCheckSettings } from '../health/health-schema.ts'
import type { DialSettings } from './connection-pool.ts'
import type { Target } from './target.ts'

/** How much of a body is looked at. Bytes. */
const BODY_LIMIT = 64 * 1024

/** Makes the health check of a target, over a connection of its own: one that stands for long tells nothing of new ones. */
export function targetProbe (target: Target, { path, status, body, headers }: HealthCheckSettings): (signal: AbortSignal) => Promise<void> {
  if (path === undefined) return (signal) => reach(target.dial, signal)
  const passes = (code: number): boolean => status === undefined ? code < 400 : status.includes(code)
  return async (signal) => {
    const connections = target.connectionsApart()
    try {
      const response = await connections.request({ origin: target.origin, method: 'GET', path: target.basePath + path, headers: { host: target.host, 'user-agent': 'gatehouse-health-check', ...headers }, signal })
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
      connections.destroy().catch(() => {})
    }
  }
}

/** Whether a connection stands. */
function reach ({ origin, socket: path, addresses }: DialSettings, signal: AbortSignal): Promise<void> {
  const { hostname, port, protocol } = new URL(origin)
  const place = path === undefined ? { host: addresses?.[0] ?? hostname.replace(/^\[|\]$/g, ''), port: Number(port || (protocol === 'https:' ? 443 : 80)) } : { path }
  return new Promise((resolve, reject) => {
    const socket = connect({ ...place, signal } as NetConnectOpts)
    socket.once('connect', () => {
      socket.destroy()
      resolve()
    })
    socket.once('error', (error) => reject(signal.aborted ? signal.reason as Error : error))
  })
}
