import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { startBackend, startRawBackend } from '../../support/backend.ts'
import { runCommand } from '../../support/command.ts'
import { eventually } from '../../support/eventually.ts'
import { startGateway } from '../../support/gateway.ts'

const routes = [{ method: 'GET', url: '/x' }]

async function start(t: TestContext, targets: string[], more: object) {
  const { url, app } = await startGateway(
    t,
    { 'a.json': { name: 'a', auth: 'none', targets, retries: false, routes, ...more } },
    { status: { path: '/status', auth: 'none' }, metrics: { path: '/metrics', auth: 'none' } },
  )
  const status = async () =>
    (
      (await (await fetch(`${url}/status`)).json()) as {
        upstreams: { panic: boolean; targets: Record<string, any>[] }[]
      }
    ).upstreams[0]!
  /** Waits until the targets are available as wanted, such as `10`. */
  const until = async (wanted: string): Promise<void> => {
    await eventually(
      `available: ${wanted}`,
      async () => (await status()).targets.map(({ available }) => (available ? 1 : 0)).join('') === wanted,
    )
  }
  const ask = async () => (await fetch(`${url}/x`)).status
  return { url, app, status, until, ask }
}

/** Asks often, but gives each answer the time that a busy machine needs. */
const quick = { interval: 20, timeout: 20_000, healthy: 2, unhealthy: 2 }

test('a target that fails its checks gets no requests until it passes them again', async (t) => {
  let isWell = true
  const sick = await startBackend(t, (request, response) => {
    if (request.url === '/base/health') response.writeHead(isWell ? 200 : 500).end(isWell ? 'status: up' : '')
    else response.end('sick')
  })
  const well = await startBackend(t, (_request, response) => {
    response.end('status: up')
  })
  const { ask, until, status, url } = await start(t, [`${sick.url}/base`, well.url], {
    healthCheck: { ...quick, path: '/health', body: 'up', headers: { 'x-check': '1' } },
  })
  await until('11')
  isWell = false
  await until('01')
  const before = sick.received.filter(({ url }) => url === '/base/x').length
  for (let i = 0; i < 6; i++) assert.equal(await ask(), 200)
  assert.equal(sick.received.filter(({ url }) => url === '/base/x').length, before)
  assert.match((await status()).targets[0]!.lastCheck.result, /^answered 500$/)
  const { headers } = sick.received.find(({ url }) => url === '/base/health')!
  assert.deepEqual([headers['x-check'], headers['user-agent']], ['1', 'gatehouse-health-check'])
  const metrics = await (await fetch(`${url}/metrics`)).text()
  assert.match(metrics, new RegExp(`gatehouse_upstream_target_available\\{upstream="a",target="${sick.url}/base"\\} 0`))
  assert.match(
    metrics,
    new RegExp(`gatehouse_upstream_decisions_total\\{decision="unhealthy",upstream="a",target="${sick.url}/base"\\} 1`),
  )
  isWell = true
  await until('11')
})

test('a target that is gone is found out by connecting, one that never answers by the timeout', async (t) => {
  const well = await startBackend(t)
  const frozen = await startRawBackend(t, () => {})
  const gone = await startBackend(t)
  const { until, ask } = await start(t, [well.url, gone.url], { healthCheck: quick })
  await until('11')
  gone.server.close()
  gone.server.closeAllConnections()
  await until('10')
  for (let i = 0; i < 4; i++) assert.equal(await ask(), 200)
  const slow = await start(t, [well.url, frozen.url], { healthCheck: { ...quick, timeout: 250, path: '/' } })
  await slow.until('10')
  assert.equal((await slow.status()).targets[1]!.lastCheck.result, 'no answer within 250 ms')
})

test('a target that answers 500 is ejected by the requests themselves, and comes back slowly', async (t) => {
  // the time stands still until the test lets it go on
  const clock = { now: Math.ceil(performance.now()) }
  t.mock.method(performance, 'now', () => clock.now)
  let isWell = false
  const sick = await startBackend(t, (_request, response) => {
    response.writeHead(isWell ? 200 : 500).end()
  })
  const well = await startBackend(t)
  const { ask, status } = await start(t, [sick.url, well.url], {
    outlierDetection: { consecutive5xx: 3, baseEjectionTime: '1 minute' },
    slowStart: { window: '1 minute', minimumPercent: 1 },
  })
  const available = async () => (await status()).targets.map((target) => target.available)
  const statuses: number[] = []
  for (let i = 0; i < 12; i++) statuses.push(await ask())
  assert.equal(statuses.filter((status) => status === 500).length, 3, statuses.join())
  isWell = true
  clock.now += 59_999
  assert.deepEqual(await available(), [false, true])
  clock.now += 1
  assert.deepEqual(await available(), [true, true])
  const { targets } = await status()
  assert.ok(targets[0]!.weight < 0.1 && targets[1]!.weight === 1, JSON.stringify(targets))
  const before = sick.received.length
  for (let i = 0; i < 20; i++) assert.equal(await ask(), 200)
  assert.ok(sick.received.length - before < 4, `${sick.received.length - before} of 20`)
})

test('when too few are well, all get requests', async (t) => {
  const answer = (name: string, health: number) =>
    startBackend(t, (request, response) => {
      response.writeHead(request.url === '/health' ? health : 200).end(name)
    })
  const [a, b, c] = [await answer('a', 500), await answer('b', 500), await answer('c', 200)]
  const { until, status, url } = await start(t, [a.url, b.url, c.url], {
    healthCheck: { ...quick, path: '/health' },
    panicThreshold: 50,
  })
  await until('001')
  const names = new Set<string>()
  for (let i = 0; i < 6; i++) names.add(await (await fetch(`${url}/x`)).text())
  assert.deepEqual([...names].sort(), ['a', 'b', 'c'])
  assert.equal((await status()).panic, true)
})

test('when none is well the answer is 503, and says when to come again', async (t) => {
  const sick = await startBackend(t, (_request, response) => {
    response.writeHead(500).end()
  })
  const { until, url } = await start(t, [sick.url], { healthCheck: { ...quick, path: '/health' } })
  await until('0')
  const response = await fetch(`${url}/x`)
  assert.equal(response.status, 503)
  assert.ok(Number(response.headers.get('retry-after')) >= 1)
})

test('a running gateway explains which targets it would pass over, also to the command line', async (t) => {
  const well = await startBackend(t)
  const gone = await startBackend(t)
  gone.server.close()
  const { until, url } = await start(t, [gone.url, well.url], { healthCheck: quick })
  await until('01')
  const answer = await fetch(`${url}/status/explain`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ method: 'GET', url: '/x', headers: {} }),
  })
  const { lines } = (await answer.json()) as { lines: string[] }
  const text = lines.join('\n')
  assert.match(text, new RegExp(`target ${gone.url}, not available, .*\n.*target ${well.url}, available, `))
  assert.match(text, new RegExp(`chosen now: ${well.url}\n`))
  assert.equal(
    (
      await fetch(`${url}/status/explain`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: '{"method":"GET"}',
      })
    ).status,
    400,
  )

  const told = await runCommand(t, ['explain', 'GET', '/x', '--gateway', `${url}/status`], { cwd: '/' })
  assert.equal(told.code, 0, told.stderr)
  assert.match(told.stdout, new RegExp(`target ${gone.url}, not available`))
  const lost = await runCommand(t, ['explain', 'GET', '/x', '--gateway', `${url}/nowhere`], { cwd: '/' })
  assert.equal(lost.code, 1)
  assert.match(lost.stderr, /answers 404: expected the path of 'status' in its configuration/)
})
