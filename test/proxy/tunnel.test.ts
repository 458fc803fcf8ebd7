import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { test, type TestContext } from 'node:test'
import { WebSocket, WebSocketServer } from 'ws'
import { closedPort, startBackend, startRawBackend } from '../support/backend.ts'
import { eventually } from '../support/eventually.ts'
import { type Gateway, startGateway } from '../support/gateway.ts'
import { rawRequest } from '../support/raw-client.ts'

/** An echoing WebSocket service that chooses the last subprotocol offered and remembers its handshakes. */
async function startEcho(t: TestContext) {
  const server = createServer((_request, response) => response.writeHead(418).end('no socket'))
  const handshakes: import('node:http').IncomingMessage[] = []
  const sockets = new WebSocketServer({
    server,
    perMessageDeflate: true,
    handleProtocols: (offered) => [...offered].at(-1)!,
  })
  const closes: { code: number; reason: string }[] = []
  const closed = Promise.withResolvers<void>()
  sockets.on('connection', (socket, request) => {
    handshakes.push(request)
    socket.on('message', (data, binary) => socket.send(data, { binary }))
    socket.on('close', (code, reason) => {
      closes.push({ code, reason: String(reason) })
      closed.resolve()
    })
    socket.on('error', () => {})
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    for (const client of sockets.clients) client.terminate()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, handshakes, closes, closed: closed.promise, sockets }
}

const upstream = (targets: string[], more: object = {}) => ({
  'live.json': {
    name: 'live',
    prefix: '/live',
    auth: 'none',
    targets,
    routes: [
      { method: 'GET', url: '/ws', websocket: true },
      { method: 'GET', url: '/plain' },
    ],
    ...more,
  },
})

async function open(url: string, protocols: string[] = [], options = {}): Promise<WebSocket> {
  const socket = new WebSocket(url, protocols, options)
  await once(socket, 'open')
  return socket
}

test('relays messages, subprotocols, extensions, pings and close codes', async (t) => {
  const echo = await startEcho(t)
  const { port } = await startGateway(t, upstream([`http://127.0.0.1:${echo.port}`]))
  const socket = await open(`ws://127.0.0.1:${port}/live/ws?room=1`, ['first', 'second'], {
    headers: { 'x-custom': 'kept', cookie: 'c=1', origin: 'http://page.test' },
  })
  assert.equal(socket.protocol, 'second')
  assert.match(socket.extensions, /permessage-deflate/)
  const [{ headers, url }] = echo.handshakes as [import('node:http').IncomingMessage]
  assert.equal(url, '/live/ws?room=1')
  assert.equal(headers['x-custom'], 'kept')
  assert.equal(headers.cookie, 'c=1')
  assert.equal(headers.origin, 'http://page.test')
  assert.equal(headers['x-forwarded-for'], '127.0.0.1')
  assert.equal(headers['sec-websocket-protocol'], 'first,second')

  socket.send('hello')
  assert.equal(String((await once(socket, 'message'))[0]), 'hello')
  const large = Buffer.alloc(3 * 1024 * 1024, 7)
  socket.send(large)
  assert.deepEqual((await once(socket, 'message'))[0], large)
  socket.ping('p')
  assert.equal(String((await once(socket, 'pong'))[0]), 'p')
  socket.close(4321, 'bye')
  await echo.closed
  assert.deepEqual(echo.closes, [{ code: 4321, reason: 'bye' }])
})

test('relays a close by the upstream', async (t) => {
  const echo = await startEcho(t)
  echo.sockets.on('connection', (socket) => socket.close(4001, 'go'))
  const { port } = await startGateway(t, upstream([`http://127.0.0.1:${echo.port}`]))
  const socket = new WebSocket(`ws://127.0.0.1:${port}/live/ws`)
  const [code, reason] = await once(socket, 'close')
  assert.equal(code, 4001)
  assert.equal(String(reason), 'go')
})

test('a client that vanishes ends the upstream connection, and the reverse', async (t) => {
  const echo = await startEcho(t)
  const { port, app } = await startGateway(t, upstream([`http://127.0.0.1:${echo.port}`]))
  const vanishing = await open(`ws://127.0.0.1:${port}/live/ws`)
  vanishing.terminate()
  await echo.closed
  const left = await open(`ws://127.0.0.1:${port}/live/ws`)
  left.on('error', () => {})
  for (const client of echo.sockets.clients) client.terminate()
  await once(left, 'close')
  while (app.tunnels.size > 0) await new Promise((resolve) => setImmediate(resolve))
})

test('a WebSocket on which nothing happens is closed with 1001, one with pings is not', async (t) => {
  const echo = await startEcho(t)
  const { port } = await startGateway(t, upstream([`http://127.0.0.1:${echo.port}`], { timeouts: { websocket: '2s' } }))
  const [silent, lively] = [await open(`ws://127.0.0.1:${port}/live/ws`), await open(`ws://127.0.0.1:${port}/live/ws`)]
  const pings = setInterval(() => lively.ping(), 50)
  t.after(() => clearInterval(pings))
  const [code] = await once(silent, 'close')
  assert.equal(code, 1001)
  assert.equal(lively.readyState, WebSocket.OPEN)
  lively.close()
  await once(lively, 'close')
})

test('stopping the gateway closes both sides with 1001', async (t) => {
  const echo = await startEcho(t)
  const { port, app } = await startGateway(t, upstream([`http://127.0.0.1:${echo.port}`]))
  const socket = await open(`ws://127.0.0.1:${port}/live/ws`)
  const closed = once(socket, 'close')
  await app.close()
  assert.equal((await closed)[0], 1001)
  await echo.closed
  assert.equal(echo.closes[0]!.code, 1001)
})

test('a refusal by the upstream reaches the client as it is', async (t) => {
  const backend = await startBackend(t, (_request, response) =>
    response.writeHead(403, { 'x-why': 'no' }).end('denied'),
  )
  backend.server.on('upgrade', (_request, socket) =>
    socket.end('HTTP/1.1 403 Forbidden\r\nx-why: no\r\ncontent-length: 6\r\n\r\ndenied'),
  )
  const { port } = await startGateway(t, upstream([backend.url]))
  const socket = new WebSocket(`ws://127.0.0.1:${port}/live/ws`)
  const [, response] = await once(socket, 'unexpected-response')
  assert.equal(response.statusCode, 403)
  assert.equal(response.headers['x-why'], 'no')
  socket.on('error', () => {})
  response.destroy()
})

test('upgrades obey routing, and only WebSocket routes can be upgraded', async (t) => {
  const echo = await startEcho(t)
  const { port } = await startGateway(t, upstream([`http://127.0.0.1:${echo.port}`]))
  const upgrade = (path: string, more = '') =>
    rawRequest(
      port,
      `GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n${more}\r\n`,
    )
  assert.equal((await upgrade('/live/plain')).status, 400)
  assert.equal((await upgrade('/nowhere')).status, 404)
  assert.equal((await upgrade('/live/../live/ws')).status, 400)
  assert.equal((await upgrade('http://evil.test/live/ws')).status, 400)
  assert.equal((await upgrade('//live//ws')).status, 101)
  assert.equal(echo.handshakes[0]!.url, '/live/ws')
  const h2c = await rawRequest(
    port,
    'GET /live/plain HTTP/1.1\r\nhost: x\r\nconnection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n\r\n',
  )
  assert.equal(h2c.status, 418, 'other upgrades are plain requests')
  const old = await rawRequest(
    port,
    'GET /live/ws HTTP/1.0\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  )
  assert.equal(old.status, 418, 'HTTP/1.0 has no upgrades (RFC 9110, section 7.8)')
})

test('passes to the next target, and answers 502 when none takes the connection', async (t) => {
  const echo = await startEcho(t)
  const dead = `http://127.0.0.1:${await closedPort()}`
  const { port } = await startGateway(t, upstream([dead, `http://127.0.0.1:${echo.port}`]))
  for (let i = 0; i < 4; i++) (await open(`ws://127.0.0.1:${port}/live/ws`)).terminate()
  const none = await startGateway(t, upstream([dead]))
  const socket = new WebSocket(`ws://127.0.0.1:${none.port}/live/ws`)
  socket.on('error', () => {})
  const [, response] = await once(socket, 'unexpected-response')
  assert.equal(response.statusCode, 502)
  response.destroy()
})

test('a client that resets during the handshake harms nobody', async (t) => {
  const echo = await startEcho(t)
  const { port, app } = await startGateway(t, upstream([`http://127.0.0.1:${echo.port}`]))
  for (let i = 0; i < 50; i++) {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    await once(socket, 'connect')
    socket.write(
      'GET /live/ws HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    )
    if (i % 2) socket.resetAndDestroy()
    else setImmediate(() => socket.resetAndDestroy())
  }
  assert.equal((await app.inject('/livez')).statusCode, 200)
  while (app.tunnels.size > 0) await new Promise((resolve) => setImmediate(resolve))
})

/** A gateway before a service that accepts a WebSocket, says something, and never answers the end of the other side. */
async function startDeaf(
  t: TestContext,
  says: Buffer,
  timeouts: object,
): Promise<Gateway & { client: Socket; freed: () => Promise<void> }> {
  const server = createServer()
  server.on('upgrade', (_request, socket) => {
    socket.on('error', () => {})
    socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n')
    socket.write(says)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const gateway = await startGateway(
    t,
    upstream([`http://127.0.0.1:${(server.address() as AddressInfo).port}`], { timeouts }),
  )
  const { app } = gateway
  app.tunnels.halfOpenTime = 50
  const client = connect({ port: gateway.port, host: '127.0.0.1', allowHalfOpen: true })
  client.on('error', () => {})
  t.after(() => client.destroy())
  client.write(
    'GET /live/ws HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  )
  await once(client, 'data')
  assert.equal(app.tunnels.size, 1)
  const freed = async (): Promise<void> => {
    await eventually(
      'its place is free',
      () => app.tunnels.size === 0 && app.upstreams.get('live')!.targets[0]!.inFlight === 0,
    )
    client.destroy()
  }
  return { ...gateway, client, freed }
}

test('a WebSocket whose client is gone without a word does not keep its place, whatever the upstream does', async (t) => {
  const { client, freed } = await startDeaf(t, Buffer.alloc(0), {})
  client.end()
  await freed()
})

const HALF = {
  client: Buffer.from([0x82, 0xfe, 0x10]),
  upstream: Buffer.from([0x82, 0x7e, 0x10]),
  none: Buffer.alloc(0),
}
for (const [what, ofClient, ofUpstream] of [
  ['', HALF.none, HALF.none],
  [', the client within a frame', HALF.client, HALF.none],
  [', the upstream within a frame', HALF.none, HALF.upstream],
  [', both within a frame', HALF.client, HALF.upstream],
] as const) {
  test(`a silent WebSocket is over even when neither side answers the close${what}`, async (t) => {
    const { client, freed } = await startDeaf(t, ofUpstream, { websocket: '100ms' })
    client.write(ofClient)
    await freed()
  })
}

test('a client that talks on after the close does not keep its place', async (t) => {
  const { app, client, freed } = await startDeaf(t, HALF.none, {})
  const talk = setInterval(() => client.write(Buffer.from([0x89, 0x80, 0, 0, 0, 0])), 5)
  t.after(() => clearInterval(talk))
  app.tunnels.closeAll()
  await freed()
})

test('a service that changes to another protocol than WebSocket is answered 502', async (t) => {
  for (const line of ['upgrade: h2c\r\n', '']) {
    const backend = await startRawBackend(t, (socket) => {
      socket.once('data', () => socket.write(`HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\n${line}\r\n`))
    })
    const { port } = await startGateway(t, upstream([backend.url]))
    const handshake =
      'connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n'
    assert.equal(
      (await rawRequest(port, `GET /live/ws HTTP/1.1\r\nhost: a.test\r\n${handshake}\r\n`)).status,
      502,
      line,
    )
  }
})
