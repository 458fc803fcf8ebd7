import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { Agent, createServer, get } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { freePort } from './child-process.ts'
import { folder, gateway, prove, report, startRedis, stop } from './proof.ts'

/**
 * Proves what limits over Redis promise, with two gateway processes on one Redis: prints the figures, and exits with 1
 * when one falls short. `npm run proof:limits`; it needs redis-server.
 */
const REQUESTS = 1000
const LIMIT = 100
/** Most milliseconds until limits are counted in Redis again, on a machine that has nothing else to do. */
const RECOVERY_MS = 2000
/** Most milliseconds that the proof waits for what has to come. */
const NEVER_MS = 60_000

const agent = new Agent({ keepAlive: true, maxSockets: 200 })
/** The status of an answer; 0 when the connection failed. */
const ask = (url: string): Promise<number> =>
  new Promise((resolve) => {
    get(url, { agent }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode!))
    }).on('error', () => resolve(0))
  })
const tally = (statuses: readonly number[]): Record<number, number> =>
  statuses.reduce<Record<number, number>>((counts, status) => ({ ...counts, [status]: (counts[status] ?? 0) + 1 }), {})

/** Asks both gateways in turn, so many times at once. */
const together = (urls: readonly string[], path: string, count: number): Promise<number[]> =>
  Promise.all(Array.from({ length: count }, (_, i) => ask(urls[i % urls.length]! + path)))

/** Two gateways on one Redis, each with a window of every kind. */
interface Gateways {
  urls: string[]
  /** Waits until both have logged this. */
  logged(text: string): Promise<void>
  stop(): Promise<void>
}

async function gateways(redisPort: number, backend: number, onFailure: string): Promise<Gateways> {
  const kinds = {
    fixed: { algorithm: 'fixed' },
    sliding: { algorithm: 'sliding' },
    bucket: { algorithm: 'token-bucket' },
  }
  const routes = Object.entries(kinds).map(([name, kind]) => ({
    method: 'GET',
    url: `/${name}`,
    rateLimit: { max: LIMIT, window: '1h', ...kind },
  }))
  writeFileSync(
    join(folder, 'proof.json'),
    JSON.stringify({
      name: 'proof',
      auth: 'none',
      targets: [`http://127.0.0.1:${backend}`],
      routes: [
        ...routes,
        { method: 'GET', url: '/quota', rateLimit: { quota: { max: LIMIT, per: 'month' } } },
        {
          method: 'GET',
          url: '/several',
          rateLimit: [
            { max: LIMIT, window: '1h' },
            { max: 2 * LIMIT, window: '1h', algorithm: 'sliding' },
            { quota: { max: 5 * LIMIT, per: 'day' } },
          ],
        },
        { method: 'GET', url: '/load', rateLimit: { max: LIMIT, window: '1h' } },
      ],
    }),
  )
  const ports = [await freePort(), await freePort()]
  const children = await Promise.all(
    ports.map((port) =>
      gateway(port, { GATEHOUSE_REDIS: `redis://127.0.0.1:${redisPort}`, GATEHOUSE_LIMITS_ON_FAILURE: onFailure }),
    ),
  )
  const logs = children.map((child) => {
    const log = { text: '' }
    child.stdout!.on('data', (text) => {
      log.text += String(text)
    })
    return log
  })
  return {
    urls: ports.map((port) => `http://127.0.0.1:${port}`),
    async logged(text) {
      const deadline = performance.now() + NEVER_MS
      while (!logs.every((log) => log.text.includes(text))) {
        if (performance.now() > deadline) throw new Error(`a gateway never logged: ${text}`)
        await wait(20)
      }
    },
    stop: async () => {
      await Promise.all(children.map((child) => stop(child, 'SIGTERM')))
    },
  }
}

/** A burst at gateways that have just started, and at a Redis that hangs. */
async function bursts(redisPort: number, backend: number): Promise<void> {
  const redis = await startRedis(redisPort)
  const { urls, logged, stop: stopGateways } = await gateways(redisPort, backend, 'open')
  const cold = tally(await together(urls, '/fixed', REQUESTS))
  report(
    `open: ${REQUESTS} at once before anything else`,
    cold,
    `${LIMIT} passed, the rest 429`,
    cold[200] === LIMIT && cold[429] === REQUESTS - LIMIT,
  )
  redis.kill('SIGSTOP')
  const began = performance.now()
  const hung = tally(await together(urls, '/sliding', REQUESTS))
  report(
    `open: ${REQUESTS} at once while Redis hangs, in ${Math.round(performance.now() - began)} ms`,
    hung,
    `at most ${2 * LIMIT} passed, the rest 429`,
    hung[200]! <= 2 * LIMIT && hung[200]! + hung[429]! === REQUESTS,
  )
  await logged('Redis is away')
  redis.kill('SIGCONT')
  await stopGateways()
  await stop(redis, 'SIGKILL')
}

/** Kills Redis under load and starts it again. */
async function outage(redisPort: number, backend: number, onFailure: 'open' | 'closed'): Promise<void> {
  let redis = await startRedis(redisPort)
  const { urls, logged, stop: stopGateways } = await gateways(redisPort, backend, onFailure)
  await together(urls, '/load', 2 * LIMIT)
  const seen: { began: number; took: number; status: number }[] = []
  const going = new AbortController()
  const load = Promise.all(
    Array.from({ length: 20 }, async (_, i) => {
      while (!going.signal.aborted) {
        const began = performance.now()
        const status = await ask(`${urls[i % 2]}/load`)
        seen.push({ began, status, took: performance.now() - began })
      }
    }),
  )
  const asked = async (count: number): Promise<void> => {
    const enough = seen.length + count
    while (seen.length < enough) await wait(20)
  }
  await asked(LIMIT)
  await stop(redis, 'SIGKILL')
  await logged('Redis is away')
  const noticed = performance.now()
  await asked(10 * LIMIT)
  going.abort()
  await load
  const figures = tally(seen.filter(({ began }) => began > noticed).map(({ status }) => status))
  const all = tally(seen.map(({ status }) => status))
  const errors = seen.filter(
    ({ status }) => status !== 200 && status !== 429 && !(onFailure === 'closed' && status === 503),
  ).length
  if (onFailure === 'closed') {
    report('closed: requests while Redis is away', figures, 'only 503', Object.keys(figures).join() === '503')
  } else {
    report(
      `${onFailure}: requests from the loss of Redis on`,
      all,
      `at most ${2 * LIMIT} passed, one limit for each gateway, the rest 429`,
      all[429]! > 0 && all[200]! <= 2 * LIMIT,
    )
  }
  report(`${onFailure}: other answers and broken connections`, errors, '0', errors === 0)
  redis = await startRedis(redisPort)
  const restarted = performance.now()
  await logged('Redis is back')
  const recovery = Math.round(performance.now() - restarted)
  // a busy machine takes longer for everything, so that ten requests are allowed on top
  const slowness = 10 * seen.map(({ took }) => took).sort((a, b) => a - b)[seen.length >> 1]!
  report(
    `${onFailure}: ms until both count in Redis again`,
    recovery,
    `at most ${RECOVERY_MS} and the time of ten requests, ${Math.round(slowness)}`,
    recovery < RECOVERY_MS + slowness,
  )
  const counts = tally(await together(urls, '/load', REQUESTS))
  report(
    `${onFailure}: ${REQUESTS} at once after that`,
    counts,
    `${LIMIT} passed, the rest 429`,
    counts[200] === LIMIT && counts[429] === REQUESTS - LIMIT,
  )
  await stopGateways()
  await stop(redis, 'SIGKILL')
}

await prove(async () => {
  const backend = createServer((_, response) => response.end('{}')).listen(0, '127.0.0.1')
  await once(backend, 'listening')
  const backendPort = (backend.address() as AddressInfo).port
  const redisPort = await freePort()
  const redis = await startRedis(redisPort)
  const { urls, stop: stopGateways } = await gateways(redisPort, backendPort, 'closed')
  // the first commands wait for the connection
  for (const url of urls) while ((await ask(`${url}/load`)) === 503) await wait(50)
  for (const path of ['/fixed', '/sliding', '/bucket', '/quota', '/several']) {
    const counts = tally(await together(urls, path, REQUESTS))
    const passed = counts[200] ?? 0
    // an hour's bucket gives one back in 36 s
    report(
      `${REQUESTS} at once over two gateways, ${path.slice(1)}`,
      counts,
      `${LIMIT} passed, the rest 429`,
      passed === LIMIT && counts[429] === REQUESTS - LIMIT,
    )
  }
  await stopGateways()
  await stop(redis, 'SIGKILL')
  await bursts(redisPort, backendPort)
  for (const onFailure of ['open', 'closed'] as const) await outage(redisPort, backendPort, onFailure)
})
