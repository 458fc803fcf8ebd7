import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { DnsClient } from '../../../src/traffic/discovery/dns-client.ts'
import { pauseAfter, TtlRefresh } from '../../../src/traffic/discovery/ttl-refresh.ts'
import { DnsServer } from './dns-server.ts'

async function clientOf(t: TestContext, ttl?: string): Promise<{ server: DnsServer; client: DnsClient }> {
  const server = await DnsServer.start(t)
  return { server, client: new DnsClient({ servers: [server.address], ttl }) }
}

test('finds the addresses of both families, sorted, with the shortest time of theirs', async (t) => {
  const { server, client } = await clientOf(t)
  server.set('orders.test', 'A', ['10.0.0.2', '10.0.0.1', '10.0.0.2'], 40)
  server.set('orders.test', 'AAAA', ['fd00::1'], 20)
  assert.deepEqual(await client.addresses('orders.test'), { value: ['10.0.0.1', '10.0.0.2', 'fd00::1'], ttl: 20_000 })
  await assert.rejects(client.addresses('other.test'), { code: 'ENOTFOUND' })
})

test('a stated time wins over that of the records', async (t) => {
  const { server, client } = await clientOf(t, '7s')
  server.set('orders.test', 'A', ['10.0.0.1'], 40)
  assert.equal((await client.addresses('orders.test')).ttl, 7000)
})

test('a family that a server stumbles over neither hides the other, nor makes its own addresses vanish', async (t) => {
  const { server, client } = await clientOf(t)
  server.set('orders.test', 'A', ['10.0.0.1'])
  server.broken.add('AAAA')
  assert.deepEqual((await client.addresses('orders.test')).value, ['10.0.0.1'])
  server.broken.clear()
  server.set('orders.test', 'AAAA', ['fd00::1'])
  assert.deepEqual((await client.addresses('orders.test')).value, ['10.0.0.1', 'fd00::1'])
  server.broken.add('AAAA')
  assert.deepEqual((await client.addresses('orders.test')).value, ['10.0.0.1', 'fd00::1'])
  server.broken.add('A')
  await assert.rejects(new DnsClient({ servers: [server.address] }).addresses('orders.test'))
})

test('finds services, and passes over records that are no place to go', async (t) => {
  const { server, client } = await clientOf(t)
  const good = { priority: 10, weight: 5, port: 8080, name: 'a.test' }
  server.set('_http._tcp.orders.test', 'SRV', [
    good,
    { ...good, name: 'evil/path@x.test' },
    { ...good, name: 'b?c.test' },
    { ...good, port: 0 },
    { ...good, name: '-.test' },
  ])
  assert.deepEqual(
    (await client.services('_http._tcp.orders.test')).value.map(({ name, port, priority, weight }) => ({
      name,
      port,
      priority,
      weight,
    })),
    [{ name: 'a.test', port: 8080, priority: 10, weight: 5 }],
  )
  server.set('_http._tcp.none.test', 'SRV', [{ priority: 0, weight: 0, port: 0, name: '' }])
  await assert.rejects(client.services('_http._tcp.none.test'), { code: 'ENOTFOUND' })
})

test('without servers of its own it knows what the hosts file says', async () => {
  assert.ok((await new DnsClient({ ttl: '1s' }).addresses('localhost')).value.includes('127.0.0.1'))
})

test('asks again when an answer is over, within bounds, and after failures at growing distances', () => {
  assert.equal(pauseAfter(0, 0), 1000)
  assert.equal(pauseAfter(0, 20_000), 20_000)
  assert.equal(pauseAfter(0, 86_400_000), 300_000)
  assert.equal(pauseAfter(0, undefined), 30_000)
  assert.deepEqual(
    [1, 2, 3, 6, 5000].map((failures) => pauseAfter(failures, undefined)),
    [1000, 2000, 4000, 30_000, 30_000],
  )
  assert.equal(pauseAfter(9, undefined, { least: 60_000, most: 60_000 }), 60_000)
})

test('keeps the last answer while none comes, tells so once, and goes on asking', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const heard: string[] = []
  const answers: (number | Error)[] = [1, new Error('away'), new Error('away'), 2, new Error('away')]
  const refresh = new TtlRefresh(
    async () => {
      const answer = answers.shift()!
      if (answer instanceof Error) throw answer
      return { value: answer, ttl: 5000 }
    },
    { answered: (value) => heard.push(`answer ${value}`), failed: (error) => heard.push(error.message) },
  )
  const settle = () => new Promise((resolve) => setImmediate(resolve))
  await refresh.start()
  for (const pause of [4999, 1, 1000, 2000, 5000]) {
    t.mock.timers.tick(pause)
    await settle()
  }
  assert.deepEqual(heard, ['answer 1', 'away', 'answer 2', 'away'])
  refresh.close()
  t.mock.timers.tick(100_000)
  await settle()
  assert.equal(heard.length, 4)
})
