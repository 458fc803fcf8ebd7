import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { Agent, createServer, get } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { freePort } from './child-process.ts'
import { folder, gateway, program, prove, report, stop } from './proof.ts'

/**
 * Proves what limits over Redis promise, with two gateway processes on one Redis: prints the figures, and exits with 1 when one
 * falls short. `npm run proof:limits`; it needs redis-server.
 */
const REQUESTS = 1000
const LIMIT = 100
const RECOVERY_MS = 2000
const AWAY_MS = 1500

const startRedis = (port: number) => program('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'], /eady to accept connections/)

const agent = new Agent({ keepAlive: true, maxSockets: 200 })
/** The status of an answer; 0 when the connection failed. */
const ask = (url: string): Promise<number> => new Promise((resolve) => {
  get(url, { agent }, (response) => { response.resume().on('end', () => resolve(response.statusCode!)) }).on('error', () => resolve(0))
})
const tally = (statuses: readonly number[]): Record<number, number> => statuses.reduce<Record<number, number>>((counts, status) => ({ ...counts, [status]: (counts[status] ?? 0) + 1 }), {})

/** Asks both gateways in turn, so many times at once. */
const together = (urls: readonly string[], path: string, count: number): Promise<number[]> =>
  Promise.all(Array.from({ length: count }, (_, i) => ask(urls[i % urls.length]! + path)))

/** Two gateways on one Redis, each with a window of every kind. */
async function gateways (redisPort: number, backend: number, onFailure: string): Promise<{ urls: string[], stop: () => Promise<void> }> {
  const kinds = { fixed: { algorithm: 'fixed' }, sliding: { algorithm: 'sliding' }, bucket: { algorithm: 'token-bucket' } }
  const routes = Object.entries(kinds).map(([name, kind]) => ({ method: 'GET', url: `/${name}`, rateLimit: { max: LIMIT, window: '1h', ...kind } }))
  writeFileSync(join(folder, 'proof.json'), JSON.stringify({
    name: 'proof', auth: 'none', targets: [`http://127.0.0.1:${backend}`],
    routes: [
      ...routes, { method: 'GET', url: '/quota', rateLimit: { quota: { max: LIMIT, per: 'month' } } },
      { method: 'GET', url: '/several', rateLimit: [{ max: LIMIT, window: '1h' }, { max: 2 * LIMIT, window: '1h', algorithm: 'sliding' }, { quota: { max: 5 * LIMIT, per: 'day' } }] },
      { method: 'GET', url: '/load', rateLimit: { max: LIMIT, window: '1h' } },
    ],
  }))
  const ports = [await freePort(), await freePort()]
  const children = await Promise.all(ports.map((port) => gateway(port, { GATEHOUSE_REDIS: `redis://127.0.0.1:${redisPort}`, GATEHOUSE_LIMITS_ON_FAILURE: onFailure })))
  return { urls: ports.map((port) => `http://127.0.0.1:${port}`), stop: async () => { await Promise.all(children.map((child) => stop(child, 'SIGTERM'))) } }
}

/** Kills Redis under load and starts it again. */
async function outage (redisPort: number, backend: number, onFailure: 'open' | 'closed' | 'local'): Promise<void> {
  let redis = await startRedis(redisPort)
  const { urls, stop: stopGateways } = await gateways(redisPort, backend, onFailure)
  const seen: { time: number, status: number }[] = []
  const going = new AbortController()
  const load = Promise.all(Array.from({ length: 20 }, async (_, i) => {
    while (!going.signal.aborted) seen.push({ status: await ask(`${urls[i % 2]}/load`), time: performance.now() })
  }))
  await wait(1000)
  await stop(redis, 'SIGKILL')
  const killed = performance.now()
  await wait(AWAY_MS)
  const restarting = performance.now()
  redis = await startRedis(redisPort)
  const restarted = performance.now()
  await wait(RECOVERY_MS)
  going.abort()
  await load
  const during = seen.filter(({ time }) => time > killed + 200 && time < restarting).map(({ status }) => status)
  // a fresh Redis counts from nothing: the last request that passed is that which used the limit up
  const lastPassed = Math.max(0, ...seen.filter(({ time, status }) => time > restarted && status !== 429).map(({ time }) => time - restarted))
  const errors = seen.filter(({ status }) => status !== 200 && status !== 429 && !(onFailure === 'closed' && status === 503)).length
  const figures = tally(during)
  report(`${onFailure}: requests while Redis is away`, figures, { open: 'only 200', closed: 'only 503', local: '200 as many as two limits, then 429' }[onFailure], {
    open: Object.keys(figures).join() === '200', closed: Object.keys(figures).join() === '503', local: figures[429]! > 0 && Object.keys(figures).every((status) => status === '200' || status === '429'),
  }[onFailure])
  report(`${onFailure}: other answers and broken connections, all the time`, errors, '0', errors === 0)
  report(`${onFailure}: ms until the limit holds again on both`, Math.round(lastPassed), `at most ${RECOVERY_MS}, with 429 after it`, lastPassed < RECOVERY_MS - 200 && seen.at(-1)!.status === 429)
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
  for (const url of urls) while (await ask(`${url}/load`) === 503) await wait(50)
  for (const path of ['/fixed', '/sliding', '/bucket', '/quota', '/several']) {
    const counts = tally(await together(urls, path, REQUESTS))
    const passed = counts[200] ?? 0
    // an hour's bucket gives one back in 36 s
    report(`${REQUESTS} at once over two gateways, ${path.slice(1)}`, counts, `${LIMIT} passed, the rest 429`, passed === LIMIT && counts[429] === REQUESTS - LIMIT)
  }
  await stopGateways()
  await stop(redis, 'SIGKILL')
  for (const onFailure of ['open', 'closed', 'local'] as const) await outage(redisPort, backendPort, onFailure)
})
