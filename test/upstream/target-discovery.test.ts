import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { BootProblems } from '../../src/errors.ts'
import { DnsServer } from '../traffic/discovery/dns-server.ts'
import { startBackend } from '../support/backend.ts'
import { eventually } from '../support/eventually.ts'
import { startGateway, type Gateway } from '../support/gateway.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { countedLines } from '../support/counted.ts'

interface Named {
  server: Server
  port: number
  connections: number
}

/** A backend at an address of this machine that answers with its name. */
async function startNamed(t: TestContext, name: string, host = '127.0.0.1', port = 0): Promise<Named> {
  const server = createServer({ keepAliveTimeout: 60_000 }, (_request, response) => response.end(name))
  server.listen(port, host)
  await once(server, 'listening')
  const backend = { server, port: (server.address() as AddressInfo).port, connections: 0 }
  server.on('connection', (socket) => {
    backend.connections++
    socket.on('close', () => backend.connections--)
  })
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return backend
}

const upstream = (targets: unknown[], more: object = {}) => ({
  'a.json': { name: 'a', prefix: '/a', auth: 'none', targets, passThrough: true, ...more },
})
const say = async ({ url }: Gateway): Promise<string> => (await fetch(`${url}/a/`)).text()
const saidBy = async (gateway: Gateway, times = 12): Promise<string[]> =>
  [...new Set(await Promise.all(Array.from({ length: times }, () => say(gateway))))].sort()

const ids = ({ app }: Gateway): string[] => app.upstreams.get('a')!.targets.map(({ id }) => id)

test('follows a name to another address while connections to the old one stand', async (t) => {
  const first = await startNamed(t, 'first')
  const second = await startNamed(t, 'second', '127.0.0.2', first.port)
  const dns = await DnsServer.start(t)
  dns.set('orders.test', 'A', ['127.0.0.1'])
  const gateway = await startGateway(t, upstream([`http://orders.test:${first.port}`]), {
    dns: { servers: [dns.address], ttl: '100ms' },
  })
  const [target] = gateway.app.upstreams.get('a')!.targets
  assert.deepEqual(await saidBy(gateway), ['first'])
  let failed = 0
  const busy = new AbortController()
  const load = (async () => {
    while (!busy.signal.aborted) if ((await fetch(`${gateway.url}/a/`)).status !== 200) failed++
  })()
  dns.set('orders.test', 'A', ['127.0.0.2'])
  await eventually('the second answers', async () => (await say(gateway)) === 'second')
  await eventually('no connection to the first', () => first.connections === 0)
  busy.abort()
  await load
  assert.equal(failed, 0)
  assert.deepEqual(await saidBy(gateway), ['second'])
  assert.equal(gateway.app.upstreams.get('a')!.targets[0], target, 'it is the same target')
  assert.ok(second.connections > 0)
  // what nobody answers changes nothing
  dns.broken.add('A').add('AAAA')
  const asked = dns.questions
  await eventually('further questions', () => dns.questions > asked + 2)
  assert.equal(await say(gateway), 'second')
})

test('connections of one target go to its addresses in turn', async (t) => {
  const first = await startNamed(t, 'first')
  const second = await startNamed(t, 'second', '127.0.0.2', first.port)
  const dns = await DnsServer.start(t)
  dns.set('orders.test', 'A', ['127.0.0.1', '127.0.0.2'])
  const gateway = await startGateway(t, upstream([`http://orders.test:${first.port}`]), {
    dns: { servers: [dns.address] },
  })
  await saidBy(gateway)
  assert.ok(first.connections > 0 && second.connections > 0)
  assert.deepEqual(ids(gateway), [`http://orders.test:${first.port}`])
})

test('makes each address a target of its own, and forgets those that are gone', async (t) => {
  const first = await startNamed(t, 'first')
  await startNamed(t, 'second', '127.0.0.2', first.port)
  const dns = await DnsServer.start(t)
  dns.set('orders.test', 'A', ['127.0.0.1', '127.0.0.2'])
  dns.set('orders.test', 'AAAA', ['::1'])
  const gateway = await startGateway(t, upstream([`http://orders.test:${first.port}/base`], { stripPrefix: true }), {
    dns: { servers: [dns.address], ttl: 100, addresses: 'all' },
  })
  assert.deepEqual(
    ids(gateway),
    [1, 2].map((n) => `http://127.0.0.${n}:${first.port}/base`),
  )
  assert.deepEqual(await saidBy(gateway), ['first', 'second'])
  const [, kept] = gateway.app.upstreams.get('a')!.targets
  dns.set('orders.test', 'A', ['127.0.0.2'])
  await eventually('one target', () => ids(gateway).length === 1)
  assert.deepEqual(await saidBy(gateway), ['second'])
  assert.equal(gateway.app.upstreams.get('a')!.targets[0], kept)
  await eventually('no connection to the first', () => first.connections === 0)
  assert.match(
    countedLines(gateway.app),
    /gatehouse_upstream_decisions_total\{decision="target_removed",upstream="a",target="http:\/\/127\.0\.0\.1:\d+\/base"\} 1/,
  )
})

test('takes targets from SRV records, with port, weight and priority', async (t) => {
  const [first, second, third] = [
    await startNamed(t, 'first'),
    await startNamed(t, 'second', '127.0.0.2'),
    await startNamed(t, 'third'),
  ]
  const dns = await DnsServer.start(t)
  const record = (name: string, { port }: Named, more: object = {}) => ({
    priority: 10,
    weight: 3,
    port,
    name,
    ...more,
  })
  dns.set('one.test', 'A', ['127.0.0.1'])
  dns.set('two.test', 'A', ['127.0.0.2'])
  dns.set('_http._tcp.orders.test', 'SRV', [
    record('one.test', first),
    record('two.test', second, { weight: 0 }),
    record('one.test', third, { priority: 20, weight: 60_000 }),
  ])
  const gateway = await startGateway(t, upstream(['srv:_http._tcp.orders.test']), {
    dns: { servers: [dns.address], ttl: '100ms' },
  })
  const shares = Object.fromEntries(
    gateway.app.upstreams.get('a')!.targets.map(({ id, weight, priority }) => [id, [weight, priority]]),
  )
  assert.deepEqual(shares, {
    [`http://one.test:${first.port}`]: [3, 10],
    [`http://two.test:${second.port}`]: [1, 10],
    [`http://one.test:${third.port}`]: [1000, 20],
  })
  assert.deepEqual(await saidBy(gateway), ['first', 'second'], 'the third is a backup')
  dns.set('_http._tcp.orders.test', 'SRV', [record('one.test', third)])
  await eventually('one target', () => ids(gateway).length === 1)
  assert.deepEqual(await saidBy(gateway), ['third'])
  assert.deepEqual(
    gateway.app.upstreams.get('a')!.targets.map(({ weight, priority }) => [weight, priority]),
    [[3, 10]],
    'the target that stays takes its new share',
  )
})

test('answers 503 while a service has no target, and finds it when it comes', async (t) => {
  const backend = await startNamed(t, 'first')
  const dns = await DnsServer.start(t)
  const gateway = await startGateway(t, upstream(['srv:_http._tcp.orders.test']), {
    dns: { servers: [dns.address], ttl: '100ms' },
  })
  const { status, headers } = await fetch(`${gateway.url}/a/`)
  assert.equal(status, 503)
  assert.ok(headers.has('retry-after'))
  dns.set('one.test', 'A', ['127.0.0.1'])
  dns.set('_http._tcp.orders.test', 'SRV', [{ priority: 0, weight: 0, port: backend.port, name: 'one.test' }])
  await eventually('the first answers', async () => (await say(gateway)) === 'first')
})

test('takes targets from a file, keeps those that stay, and passes over what is wrong', async (t) => {
  const [first, second] = [await startNamed(t, 'first'), await startNamed(t, 'second')]
  const folder = temporaryFolder(t)
  const file = join(folder, 'targets.yaml')
  const urlOf = ({ port }: Named) => `http://127.0.0.1:${port}`
  writeFileSync(file, `- ${urlOf(first)}\n`)
  const gateway = await startGateway(t, upstream([`file:${file}`]))
  const errors: object[] = []
  gateway.app.log.error = ((line: object) => errors.push(line)) as never
  assert.deepEqual(await saidBy(gateway), ['first'])
  const [kept] = gateway.app.upstreams.get('a')!.targets
  writeFileSync(file, `- url: ${urlOf(first)}\n  weight: 2\n- ${urlOf(second)}\n`)
  await eventually('two targets', () => ids(gateway).length === 2)
  assert.deepEqual(await saidBy(gateway), ['first', 'second'])
  assert.equal(gateway.app.upstreams.get('a')!.targets[0], kept)
  assert.equal(kept!.weight, 2)
  writeFileSync(file, '- ftp://x\n- { url: "http://127.0.0.1", tls: {} }\n')
  await eventually('an error', () => errors.length > 0)
  assert.match(JSON.stringify(errors[0]), /targets\.yaml:1/)
  assert.deepEqual(await saidBy(gateway), ['first', 'second'])
  writeFileSync(file, `- ${urlOf(second)}\n`)
  await eventually('one target', () => ids(gateway).length === 1)
  assert.deepEqual(await saidBy(gateway), ['second'])
  await eventually('no connection to the first', () => first.connections === 0)
})

test('a request that is under way at a target that goes is answered', async (t) => {
  let answer: () => void = () => {}
  const slow = await startBackend(t, (_request, response) => {
    answer = () => response.end('late')
  })
  const other = await startNamed(t, 'other')
  const folder = temporaryFolder(t)
  const file = join(folder, 'targets.json')
  writeFileSync(file, JSON.stringify([slow.url]))
  const gateway = await startGateway(t, upstream([{ file }]))
  const response = say(gateway)
  await eventually('under way', () => gateway.app.upstreams.get('a')!.targets[0]!.inFlight === 1)
  writeFileSync(file, JSON.stringify([`http://127.0.0.1:${other.port}`]))
  await eventually('the other target', () => ids(gateway)[0] === `http://127.0.0.1:${other.port}`)
  assert.equal(await say(gateway), 'other')
  answer()
  assert.equal(await response, 'late')
})

test('a file of targets that is not good stops the boot, with its name', async (t) => {
  const folder = temporaryFolder(t)
  const file = join(folder, 'targets.json')
  writeFileSync(file, JSON.stringify(['http://127.0.0.1:1', { url: 'http://127.0.0.1:2', http2: true }]))
  await assert.rejects(startGateway(t, upstream([{ file }])), (error: BootProblems) => {
    assert.deepEqual(
      error.problems.map(({ field }) => field),
      ['[1].http2'],
    )
    return true
  })
  await assert.rejects(
    startGateway(t, upstream([{ file: join(folder, 'none.json') }])),
    /none\.json: cannot be read: no such file/,
  )
})
