import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { TestContext } from 'node:test'

/**
 * A way to Redis that can be blocked, as by a network that drops packets: connections stay open, but nothing arrives.
 */
export interface RedisProxy {
  port: number
  /** Nothing passes any more, in either direction. New connections are accepted, and get no answer. */
  hold(): void
  /** What was held passes now, and everything after it. */
  release(): void
}

/** Starts a proxy to the Redis at a port. It ends with the test. */
export async function startRedisProxy(t: TestContext, redisPort: number): Promise<RedisProxy> {
  let held = false
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const redis = connect(redisPort, '127.0.0.1')
    for (const [from, to] of [
      [client, redis],
      [redis, client],
    ] as const) {
      sockets.add(from)
      from.setNoDelay(true)
      if (held) from.pause()
      from.on('data', (chunk) => {
        to.write(chunk)
      })
      from.on('error', () => {})
      from.on('close', () => {
        sockets.delete(from)
        to.destroy()
      })
      if (held) from.pause()
    }
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return {
    port: (server.address() as AddressInfo).port,
    hold() {
      held = true
      for (const socket of sockets) socket.pause()
    },
    release() {
      held = false
      for (const socket of sockets) socket.resume()
    },
  }
}
