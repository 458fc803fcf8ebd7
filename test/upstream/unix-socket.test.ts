import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { test } from 'node:test'
import { WebSocket, WebSocketServer } from 'ws'
import { startGateway } from '../support/gateway.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

test('forwards requests and WebSockets to a unix socket', async (t) => {
  const socket = join(temporaryFolder(t), 'app.sock')
  const server = createServer((request, response) =>
    response
      .setHeader('location', `http://${request.headers.host}/base/elsewhere`)
      .end(`${request.headers.host} ${request.url}`),
  )
  new WebSocketServer({ server }).on('connection', (ws) => ws.on('message', (data) => ws.send(data)))
  server.listen(socket)
  await once(server, 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  const declare = (name: string, target: unknown) => ({
    [`${name}.json`]: {
      name,
      prefix: `/${name}`,
      auth: 'none',
      stripPrefix: true,
      targets: [target],
      passThrough: { websocket: true },
    },
  })
  const { app, url } = await startGateway(t, {
    ...declare('short', `unix:${socket}`),
    ...declare('long', { url: 'http://app.internal/base', socket }),
    ...declare('none', `unix:${socket}.gone`),
  })
  assert.equal(await (await fetch(`${url}/short/x`)).text(), 'localhost /x')
  const long = await fetch(`${url}/long/x`)
  assert.equal(long.headers.get('location'), '/long/elsewhere')
  assert.equal(await long.text(), 'app.internal /base/x')
  assert.deepEqual(
    ['short', 'long'].map((name) => app.upstreams.get(name)!.targets[0]!.id),
    [`unix:${socket}`, `unix:${socket}/base`],
  )
  const gone = await fetch(`${url}/none/x`)
  assert.equal(gone.status, 502)
  assert.doesNotMatch(await gone.text(), /\.sock/)
  const ws = new WebSocket(`${url.replace('http', 'ws')}/short/ws`)
  await once(ws, 'open')
  ws.send('hello')
  assert.equal(String((await once(ws, 'message'))[0]), 'hello')
  ws.close()
  await once(ws, 'close')
})

test('what is wrong with a socket stops the boot', async (t) => {
  for (const [target, message] of [
    [`unix:/${'x'.repeat(120)}`, /at most 103 bytes/],
    [{ url: 'unix:/a.sock', socket: '/b.sock' }, /names a socket already/],
    [{ url: 'http://x', socket: 'relative.sock' }, /absolute path/],
    ['unix:relative.sock', /allowed: URL/],
    [{ url: 'http://x', http2: true }, /prior-knowledge/],
    [{ url: 'https://x', http2: 'prior-knowledge' }, /write true/],
    [{ srv: 'orders.internal' }, /name of SRV records/],
    [{ srv: '_http._tcp.orders.internal', tls: {} }, /only https targets/],
  ] as const) {
    const upstream = { name: 'a', prefix: '/a', auth: 'none', targets: [target], passThrough: true }
    await assert.rejects(startGateway(t, { 'a.json': upstream }), message)
    await assert.rejects(
      startGateway(t, { 'a.json': { ...upstream, targets: ['http://x'], mirror: { targets: [target] } } }),
      message,
    )
    await assert.rejects(
      startGateway(t, {
        'a.ts': `export default async (app) => { app.addUpstream({ name: 'a', targets: ${JSON.stringify([target])} }) }`,
      }),
      message,
    )
  }
})
