import type { ChildProcess } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { Agent, get, request } from 'node:http'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePort } from './child-process.ts'
import { folder, gateway, program, prove, report, stop } from './proof.ts'

/**
 * Proves that an upstream stays up while its targets do not: four targets under a steady load, one killed, one frozen,
 * one that answers 500 to a third of requests and one slow; then all recover, and are restarted one after the other.
 * Prints the figures, and exits with 1 when one falls short. `npm run chaos`; it takes about a minute.
 */
const RATE = 200
const TROUBLE_AT = 4000
const RECOVERY_AT = 17_000
const END_AT = 34_000
/**
 * By then every bad target has been found out: two checks of a second with a timeout of half a second, and some room.
 */
const DETECTION = 4000
const SLOW_START = 4000
/** Most further requests that the targets may get, beside the clients' own. */
const EXTRA = 0.2
/** How far the share of a target may be from a quarter. */
const UNEVEN = 0.05

const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const startTarget = (port: number): Promise<ChildProcess> =>
  program(process.execPath, [file('servers/chaos-backend.ts')], /listening/, { PORT: String(port) })

const agent = new Agent({ keepAlive: true, maxSockets: 256 })
/** The status of an answer; 0 when the connection failed or nothing came within ten seconds. */
const ask = (url: string): Promise<number> =>
  new Promise((resolve) => {
    const sent = get(url, { agent, timeout: 10_000 }, (response) => {
      response
        .resume()
        .on('end', () => resolve(response.statusCode!))
        .on('error', () => resolve(0))
    })
    sent.on('error', () => resolve(0)).on('timeout', () => sent.destroy())
  })
const tell = (port: number, mode: string): Promise<void> =>
  new Promise((resolve, reject) => {
    request({ port, path: '/mode', method: 'POST', agent: false }, (response) => {
      response.resume().on('end', resolve)
    })
      .on('error', reject)
      .end(mode)
  })
const served = async (port: number): Promise<number> =>
  Number(await (await fetch(`http://127.0.0.1:${port}/served`, { headers: { connection: 'close' } })).text())

interface Sent {
  at: number
  status: number
  ms: number
}

/** Sends requests at a steady rate, whether or not earlier ones have been answered. */
function load(url: string): { sent: Sent[]; stop: () => Promise<void> } {
  const sent: Sent[] = []
  const under = new Set<Promise<void>>()
  const start = performance.now()
  let count = 0
  const timer = setInterval(() => {
    for (const due = ((performance.now() - start) / 1000) * RATE; count < due; count++) {
      const at = performance.now()
      const one = ask(url)
        .then((status) => {
          sent.push({ at: at - start, status, ms: performance.now() - at })
        })
        .finally(() => under.delete(one))
      under.add(one)
    }
  }, 5)
  return {
    sent,
    stop: async () => {
      clearInterval(timer)
      await Promise.all(under)
    },
  }
}

const tally = (sent: readonly Sent[]): Record<number, number> =>
  sent.reduce<Record<number, number>>((counts, { status }) => ({ ...counts, [status]: (counts[status] ?? 0) + 1 }), {})
const percentile = (sent: readonly Sent[], share: number): number =>
  Math.round(sent.map(({ ms }) => ms).toSorted((a, b) => a - b)[Math.floor(sent.length * share)] ?? 0)

async function main(): Promise<void> {
  const ports = await Promise.all(Array.from({ length: 4 }, freePort))
  const targets: ChildProcess[] = await Promise.all(ports.map(startTarget))
  writeFileSync(
    join(folder, 'chaos.json'),
    JSON.stringify({
      name: 'chaos',
      auth: 'none',
      targets: ports.map((port) => `http://127.0.0.1:${port}`),
      balance: 'least-requests',
      healthCheck: { path: '/health', interval: '1s', timeout: '500ms', healthy: 2, unhealthy: 2 },
      outlierDetection: { consecutive5xx: 3, baseEjectionTime: '2s', maxEjectionTime: '4s' },
      // a third of answers is never three in a row
      circuitBreaker: {
        failureRate: { percent: 20, minimum: 20, window: '2s' },
        open: '2s',
        maxOpen: '4s',
        on: ['connect', 'reset', 'timeout', '5xx'],
      },
      slowStart: { window: `${SLOW_START}ms` },
      retries: {
        attempts: 3,
        on: ['connect', 'reset', 'timeout', '5xx'],
        perTryTimeout: '1s',
        budget: { percent: 20, minimum: 50 },
      },
      routes: [{ method: 'GET', url: '/x' }],
    }),
  )
  const port = await freePort()
  await gateway(port)
  const url = `http://127.0.0.1:${port}/x`
  for (let i = 0; i < 200; i++) await ask(url)

  const before = await Promise.all(ports.map(served))
  const run = load(url)
  const start = performance.now()
  const until = (time: number): Promise<void> => wait(Math.max(0, start + time - performance.now()))
  await until(TROUBLE_AT)
  const [dead, , failing, slow] = ports as [number, number, number, number]
  const lost = await served(dead)
  targets[0]!.kill('SIGKILL')
  targets[1]!.kill('SIGSTOP')
  await Promise.all([tell(failing, 'failing'), tell(slow, 'slow')])
  await until(RECOVERY_AT)
  targets[0] = await startTarget(dead)
  targets[1]!.kill('SIGCONT')
  await Promise.all([tell(failing, 'good'), tell(slow, 'good')])
  // checks, ejections and the slow start have their time
  await until(END_AT - 5000)
  const evenFrom = await Promise.all(ports.map(served))
  await until(END_AT)
  await run.stop()
  const after = await Promise.all(ports.map(served))

  const during = run.sent.filter(({ at }) => at >= TROUBLE_AT && at < RECOVERY_AT)
  const detected = run.sent.filter(({ at }) => at >= TROUBLE_AT + DETECTION)
  const bad = (sent: readonly Sent[]): Sent[] => sent.filter(({ status }) => status !== 200)
  report(
    'answers before the trouble',
    tally(run.sent.filter(({ at }) => at < TROUBLE_AT)),
    'only 200',
    bad(run.sent.filter(({ at }) => at < TROUBLE_AT)).length === 0,
  )
  report(
    `failures in the first ${DETECTION} ms of the trouble`,
    bad(during.filter(({ at }) => at < TROUBLE_AT + DETECTION)).length,
    'stated, no bound',
    true,
  )
  report('failures after that, recovery included', tally(bad(detected)), '0', bad(detected).length === 0)
  report(
    'ms that half of, and all but one in a hundred requests took in the trouble',
    [percentile(during, 0.5), percentile(during, 0.99)],
    'stated, no bound',
    true,
  )
  // what the dead target had served is counted up to its death
  const total = after.reduce((sum, count, i) => sum + count - (i === 0 ? 0 : before[i]!), lost - before[0]!)
  const extra = total / run.sent.length - 1
  report(
    'requests that the targets got beyond those of the clients',
    `${(extra * 100).toFixed(1)} %`,
    `at most ${EXTRA * 100} %`,
    extra <= EXTRA,
  )
  const shares = after.map((count, i) => count - evenFrom[i]!)
  const sum = shares.reduce((a, b) => a + b, 0)
  report(
    'shares of the targets in the last 5 s',
    shares.map((share) => Number((share / sum).toFixed(3))),
    `0.25, give or take ${UNEVEN}`,
    shares.every((share) => Math.abs(share / sum - 0.25) <= UNEVEN),
  )

  const rolling = load(url)
  for (const [i, each] of ports.entries()) {
    await wait(1000)
    await stop(targets[i]!, 'SIGTERM')
    await wait(1500)
    targets[i] = await startTarget(each)
    await wait(2500)
  }
  await rolling.stop()
  report(
    'answers while each target is restarted in turn',
    tally(rolling.sent),
    'only 200',
    bad(rolling.sent).length === 0,
  )
}

await prove(main)
