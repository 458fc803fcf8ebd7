import { writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { buildApp } from '../src/app.ts'
import { ConfigSchema, type Config } from '../src/config/config-schema.ts'
import { withDefaults } from '../src/config/schema-check.ts'
import { folder, prove, report } from './proof.ts'

/**
 * Proves that nothing is left of requests that end at any moment: clients leave before, in and after their request and
 * its answer, and the upstream resets connections at random. `npm run proof:aborts`; the gateway runs in this process,
 * so that its sockets, timers and heap can be seen.
 */
const REQUESTS = 10_000
const AT_ONCE = 50
/** Growth of the heap from the first half to the second that is noise. MiB. */
const GROWTH = 5
const BODY = 'x'.repeat(3000)

const random = (most: number): number => Math.floor(Math.random() * most)

/** An upstream that answers in pieces, and now and then resets the connection instead. */
function answer(socket: Socket): void {
  socket.on('error', () => {})
  socket.on('data', () => {
    if (Math.random() < 0.2) {
      setTimeout(() => socket.resetAndDestroy(), random(5))
      return
    }
    const isLarge = Math.random() < 0.3
    socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${isLarge ? 300_000 : 10}\r\n\r\n`)
    setTimeout(() => {
      if (Math.random() < 0.1) socket.resetAndDestroy()
      else if (!socket.destroyed) socket.write('y'.repeat(isLarge ? 300_000 : 10))
    }, random(5))
  })
}

/** One request that its client gives up at some moment. */
function abandon(port: number): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    socket.on('close', () => resolve())
    const text =
      Math.random() < 0.5
        ? 'GET /x HTTP/1.1\r\nhost: a\r\n\r\n'
        : `POST /${Math.random() < 0.5 ? 'x' : 'checked'} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: ${BODY.length + 2}\r\n\r\n"${BODY}"`
    socket.on('connect', () => {
      socket.write(text.slice(0, Math.random() < 0.3 ? random(text.length) : undefined))
      setTimeout(() => (Math.random() < 0.5 ? socket.destroy() : socket.resetAndDestroy()), random(12))
    })
    socket.resume()
  })
}

/** What keeps the process alive, by kind, once all is quiet. */
async function leftovers(baseline: Record<string, number>): Promise<Record<string, number>> {
  const end = Date.now() + 10_000
  for (;;) {
    const counts: Record<string, number> = {}
    for (const kind of process.getActiveResourcesInfo()) counts[kind] = (counts[kind] ?? 0) + 1
    const more = Object.fromEntries(
      Object.entries(counts)
        .map(([kind, count]) => [kind, count - (baseline[kind] ?? 0)])
        .filter(([, count]) => (count as number) > 0),
    )
    // the wait itself is a timer
    if (Object.keys(more).every((kind) => kind === 'Timeout' && (more[kind] as number) <= 2) || Date.now() > end) {
      return more as Record<string, number>
    }
    await wait(200)
  }
}

async function heap(): Promise<number> {
  for (let i = 0; i < 4; i++) {
    globalThis.gc!()
    await wait(50)
  }
  return process.memoryUsage().heapUsed / 2 ** 20
}

await prove(async () => {
  const backend = createServer(answer).listen(0, '127.0.0.1')
  await new Promise((resolve) => backend.once('listening', resolve))
  writeFileSync(
    join(folder, 'aborts.json'),
    JSON.stringify({
      name: 'aborts',
      auth: 'none',
      targets: [`http://127.0.0.1:${(backend.address() as AddressInfo).port}`],
      retries: { attempts: 1, backoff: { base: '5ms' } },
      routes: [
        { method: ['GET', 'POST'], url: '/x' },
        { method: 'POST', url: '/checked', schema: { body: { type: 'string' } } },
      ],
    }),
  )
  const config = withDefaults(ConfigSchema, { log: { level: 'silent', access: false } }) as Config
  const app = await buildApp({ ...config, routes: folder, openapi: folder, baseDir: folder })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo

  const half = async (): Promise<void> => {
    let left = REQUESTS / 2
    await Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        while (left-- > 0) await abandon(port)
      }),
    )
  }
  // compiles and opens what stays
  await Promise.all(Array.from({ length: 200 }, () => abandon(port)))
  await wait(6000)
  const baseline: Record<string, number> = {}
  for (const kind of process.getActiveResourcesInfo()) baseline[kind] = (baseline[kind] ?? 0) + 1
  await half()
  const first = await leftovers(baseline)
  const firstHeap = await heap()
  await half()
  const second = await leftovers(baseline)
  const secondHeap = await heap()
  report(
    `left after ${REQUESTS / 2} abandoned requests`,
    first,
    'at most the timers of this proof',
    Object.keys(first).every((kind) => kind === 'Timeout'),
  )
  report(
    `left after ${REQUESTS}`,
    second,
    'at most the timers of this proof',
    Object.keys(second).every((kind) => kind === 'Timeout'),
  )
  report(
    'heap after each half, in MiB',
    [firstHeap, secondHeap].map((size) => Number(size.toFixed(1))),
    `at most ${GROWTH} apart`,
    secondHeap - firstHeap <= GROWTH,
  )
  const alive = await fetch(`http://127.0.0.1:${port}/livez`)
  report('the gateway answers', alive.status, '200', alive.status === 200)
  await app.close()
  backend.close()
})
