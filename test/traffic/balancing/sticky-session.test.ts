import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import { WebSocketServer } from 'ws'
import { RoundRobin } from '../../../src/traffic/balancing/round-robin.ts'
import { StickySession } from '../../../src/traffic/balancing/sticky-session.ts'
import { closedPort, startBackend } from '../../support/backend.ts'
import { startGateway } from '../../support/gateway.ts'
import { rawRequest } from '../../support/raw-client.ts'
import { statuses, upstream } from '../resilience/exchange.ts'
import { request, target } from './candidates.ts'

const SECRET = 'a secret for cookies of thirty-two characters'
const sticky = { balance: { sticky: {} } }

/** A backend that answers with its name. */
const named = (t: TestContext, name: string) =>
  startBackend(t, (request, response) => {
    request.resume()
    request.on('end', () => response.setHeader('content-type', 'text/plain').end(name))
  })

/** Sends a request with a cookie, and tells who answered and which cookie was set. */
async function ask(url: string, cookie?: string): Promise<{ by: string; set: string | null }> {
  const response = await fetch(url, { headers: cookie === undefined ? {} : { cookie } })
  return { by: await response.text(), set: response.headers.get('set-cookie') }
}
const pair = (setCookie: string | null): string => setCookie!.split(';', 1)[0]!

test('a client stays with its target, by a cookie that the upstream never sees and that tells nothing of it', async (t) => {
  const [one, other] = [await named(t, 'one'), await named(t, 'other')]
  const { url } = await startGateway(t, upstream([one.url, other.url], sticky))
  const first = await ask(`${url}/a/x`)
  assert.match(first.set!, /^gatehouse-a=[\w-]{22}; Path=\/a; HttpOnly; SameSite=Lax$/)
  for (const address of [String(one.port), String(other.port), '127.0.0.1']) {
    assert.ok(
      !first.set!.includes(address) &&
        !Buffer.from(pair(first.set).split('=')[1]!, 'base64url').toString('latin1').includes(address),
    )
  }
  for (let i = 0; i < 5; i++) {
    assert.deepEqual(await ask(`${url}/a/x`, `theirs=1; ${pair(first.set)}`), { by: first.by, set: null })
  }
  const { received } = first.by === 'one' ? one : other
  assert.equal(received.at(-1)!.headers.cookie, 'theirs=1')
  await ask(`${url}/a/x`, pair(first.set))
  assert.equal(received.at(-1)!.headers.cookie, undefined)
  assert.notEqual((await ask(`${url}/a/x`)).by, first.by, 'others are taken in turn')
})

test('cookies that are forged, changed or of another upstream are as none', async (t) => {
  const backends = [await named(t, 'one'), await named(t, 'other')]
  const targets = backends.map(({ url }) => url)
  const files = {
    ...upstream(targets, sticky),
    'b.json': {
      name: 'b',
      prefix: '/b',
      auth: 'none',
      targets,
      balance: { sticky: { cookie: 'gatehouse-a' } },
      routes: [{ method: 'GET', url: '/*' }],
    },
  }
  const { url } = await startGateway(t, files, { stickySecret: SECRET })
  const { by, set } = await ask(`${url}/a/x`)
  const token = pair(set).split('=')[1]!
  for (const forged of [
    '',
    'x',
    backends[0]!.url,
    token.slice(0, -1),
    `${token}A`,
    token.toLowerCase() === token ? 'other' : token.toLowerCase(),
    '__proto__',
    'constructor',
    '"'.repeat(50),
  ]) {
    assert.notEqual((await ask(`${url}/a/x`, `gatehouse-a=${forged}`)).set, null, forged)
  }
  assert.notEqual((await ask(`${url}/b/x`, pair(set))).set, null, 'a cookie of a, taken to b')
  const again = await startGateway(t, files, { stickySecret: SECRET })
  assert.deepEqual(await ask(`${again.url}/a/x`, pair(set)), { by, set: null }, 'another process with the same secret')
  const stranger = await startGateway(t, files, { stickySecret: SECRET.toUpperCase() })
  assert.notEqual((await ask(`${stranger.url}/a/x`, pair(set))).set, null, 'another secret')
})

test('when its target is gone a client gets another one, and stays there', async (t) => {
  const [one, other] = [await named(t, 'one'), await named(t, 'other')]
  const { url } = await startGateway(t, upstream([one.url, other.url], sticky))
  const { by, set } = await ask(`${url}/a/x`)
  const { server } = by === 'one' ? one : other
  server.close()
  server.closeAllConnections()
  const moved = await ask(`${url}/a/x`, pair(set))
  assert.notEqual(moved.by, by)
  assert.notEqual(pair(moved.set), pair(set))
  assert.deepEqual(await ask(`${url}/a/x`, pair(moved.set)), { by: moved.by, set: null })
})

test('a target that fails wins nobody over, and an answer of the gateway sets no cookie', async (t) => {
  const failing = await startBackend(t, statuses(500))
  const { url } = await startGateway(t, {
    ...upstream([failing.url], sticky),
    'b.json': {
      name: 'b',
      prefix: '/b',
      auth: 'none',
      targets: [`http://127.0.0.1:${await closedPort()}`],
      ...sticky,
      routes: [{ method: 'GET', url: '/*' }],
    },
  })
  for (const path of ['/a/x', '/b/x']) {
    const response = await fetch(url + path)
    assert.ok(response.status >= 500)
    assert.equal(response.headers.get('set-cookie'), null, path)
  }
})

test("cookies of the upstream's own stay beside it, on a pass-through too", async (t) => {
  const backend = await startBackend(t, (_request, response) =>
    response.setHeader('set-cookie', ['session=1', 'theme=dark']).end('ok'),
  )
  const { url } = await startGateway(t, {
    ...upstream([backend.url], {
      balance: { sticky: { cookie: 'route', maxAge: '1 hour', policy: 'least-requests' } },
    }),
    'p.json': { name: 'p', prefix: '/p', auth: 'none', targets: [backend.url], ...sticky, passThrough: true },
  })
  assert.deepEqual(
    (await fetch(`${url}/a/x`)).headers.getSetCookie().map((cookie) => cookie.replace(/=[\w-]{22};/, '=TOKEN;')),
    ['session=1', 'theme=dark', 'route=TOKEN; Path=/a; Max-Age=3600; HttpOnly; SameSite=Lax'],
  )
  assert.equal((await fetch(`${url}/p/x`)).headers.getSetCookie().length, 3)
})

test('the cookie is for https alone where the client came by it, also through a proxy', async (t) => {
  const backend = await named(t, 'one')
  const { url } = await startGateway(t, upstream([backend.url], sticky), { trustProxy: ['127.0.0.1'] })
  const response = await fetch(`${url}/a/x`, { headers: { 'x-forwarded-proto': 'https' } })
  assert.match(response.headers.get('set-cookie')!, /; Secure$/)
})

test('a WebSocket gets the cookie with its handshake', async (t) => {
  const server = createServer()
  const sockets = new WebSocketServer({ server })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    for (const client of sockets.clients) client.terminate()
    server.close()
  })
  const { port } = await startGateway(t, {
    'a.json': {
      name: 'a',
      prefix: '/a',
      auth: 'none',
      targets: [`http://127.0.0.1:${(server.address() as AddressInfo).port}`],
      ...sticky,
      routes: [{ method: 'GET', url: '/ws', websocket: true }],
    },
  })
  const { status, headers } = await rawRequest(
    port,
    'GET /a/ws HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  )
  assert.equal(status, 101)
  assert.match(headers['set-cookie']!, /^gatehouse-a=[\w-]{22}; Path=\/a; HttpOnly; SameSite=Lax$/)
})

test('without a prefix the cookie is for the whole host', () => {
  const session = new StickySession({}, { upstream: 'a', path: '' }, new RoundRobin())
  assert.match(session.setCookie(target('http://10.0.0.1'), request())!, /; Path=\/;/)
})
