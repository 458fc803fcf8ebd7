import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import createRouter from 'find-my-way'
import { startBackend } from '../support/backend.ts'
import { startGateway } from '../support/gateway.ts'
import { rawRequest } from '../support/raw-client.ts'

/** Work that grows with the length of a path: how often a router searched it, and how often it was decoded. */
async function workFor(t: TestContext, ask: () => Promise<unknown>): Promise<{ searches: number; decodings: number }> {
  const find = t.mock.method((createRouter as unknown as { prototype: { find: () => unknown } }).prototype, 'find')
  const decode = t.mock.method(globalThis, 'decodeURIComponent')
  await ask()
  const work = { searches: find.mock.callCount(), decodings: decode.mock.callCount() }
  find.mock.restore()
  decode.mock.restore()
  return work
}

test('a refused path is read once, not once for every method that the gateway knows', async (t) => {
  const backend = await startBackend(t)
  const file = (name: string, more: object) => ({ name, targets: [backend.url], auth: 'none', ...more })
  const { port } = await startGateway(t, {
    // every method has a route, one of them on this host
    'a.json': file('a', { prefix: '/all', passThrough: true }),
    'b.json': file('b', { prefix: '/b', hosts: ['b.test'], passThrough: true }),
    'c.json': file('c', {
      prefix: '/c',
      routes: [{ method: ['GET', 'PUT', 'PATCH', 'DELETE', 'QUERY', 'REPORT'], url: '/:x' }],
    }),
  })
  const ask = async (method: string, path: string, host = 'x.test') =>
    (await rawRequest(port, `${method} ${path} HTTP/1.1\r\nhost: ${host}\r\n\r\n`)).status
  // the routers are made with the first of them
  assert.equal(await ask('GET', '/nope'), 404)
  for (const host of ['x.test', 'b.test']) {
    for (const path of [`/${'%2f'.repeat(5000)}`, `/${'%C3%A9%2f'.repeat(1500)}`, `/${'a'.repeat(15_000)}`]) {
      const { searches, decodings } = await workFor(t, async () => assert.equal(await ask('GET', path, host), 404))
      assert.ok(searches <= 8, `${path.slice(0, 12)} on ${host}: ${searches} searches`)
      assert.ok(decodings <= 4, `${path.slice(0, 12)} on ${host}: ${decodings} decodings`)
    }
  }
  // its segments are compared with those of other routes for every method, but made once
  const path = `/c/${'%C3%A9%2f'.repeat(100)}x`
  const { decodings } = await workFor(t, async () => assert.equal(await ask('POST', path), 405))
  assert.ok(decodings <= 2 * 101 + 8, `${decodings} decodings of 101 segments`)
})

test('a path that has other methods is still answered 405, however long', async (t) => {
  const backend = await startBackend(t)
  const { port } = await startGateway(t, {
    'a.json': {
      name: 'a',
      targets: [backend.url],
      auth: 'none',
      routes: [
        { method: 'GET', url: '/o/:id' },
        { method: 'PUT', url: '/o/*' },
      ],
    },
    'b.json': {
      name: 'b',
      hosts: ['b.test'],
      targets: [backend.url],
      auth: 'none',
      routes: [{ method: 'DELETE', url: '/p/:name' }],
    },
  })
  const allow = async (path: string, host: string) => {
    const { status, headers } = await rawRequest(
      port,
      `POST ${path} HTTP/1.1\r\nhost: ${host}\r\ncontent-length: 0\r\n\r\n`,
    )
    return [status, headers.allow]
  }
  assert.deepEqual(await allow('/o/1', 'x.test'), [405, 'GET, HEAD, PUT'])
  assert.deepEqual(await allow('/o/%41%C3%A9', 'b.test'), [405, 'GET, HEAD, PUT'])
  // longer than a parameter may be, so that the wildcard alone takes it
  assert.deepEqual(await allow(`/o/${'a'.repeat(5000)}`, 'x.test'), [405, 'PUT'])
  assert.deepEqual(await allow('/p/x', 'b.test'), [405, 'DELETE'])
  assert.deepEqual(await allow('/p/x', 'x.test'), [404, undefined])
  assert.deepEqual(await allow('/livez', 'x.test'), [405, 'GET, HEAD'])
})
