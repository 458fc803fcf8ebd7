import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { WebSocket } from 'ws'
import { startRawBackend } from '../support/backend.ts'
import { startGateway } from '../support/gateway.ts'
import { rawRequest } from '../support/raw-client.ts'
import { get, inTime, isAlive, startWays, WAYS } from './wire.ts'

// CVE-2026-22036
test('thousands of content codings are passed on as they came, and nobody takes them off', async (t) => {
  const layers = `${'gzip, '.repeat(2000)}gzip`
  const { url } = await startRawBackend(t, (socket) => {
    socket.once('data', () =>
      socket.end(
        `HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-encoding: ${layers}\r\ncontent-length: 4\r\n\r\nabcd`,
      ),
    )
  })
  const { port } = await startWays(t, url, { compress: true })
  for (const way of WAYS) {
    for (const accepted of [
      '',
      'accept-encoding: identity\r\n',
      'accept-encoding: br\r\n',
      'accept-encoding: gzip\r\n',
    ]) {
      const { status, headers, body } = await rawRequest(port, get(`${way}/x`, accepted))
      assert.deepEqual([status, headers['content-encoding'], body], [200, layers, 'abcd'], accepted)
    }
  }
})

// CVE-2026-2229
test('extensions that a WebSocket service gets wrong are the business of its client, and frames in them too', async (t) => {
  const { url } = await startRawBackend(t, (socket) => {
    socket.once('data', (head: Buffer) => {
      const extensions = /\/x\?(.*) HTTP/.exec(String(head))![1]!
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: x\r\nsec-websocket-extensions: ${decodeURIComponent(extensions)}\r\n\r\n`,
      )
      // a compressed frame that holds no such thing
      socket.write(Buffer.from([0xc1, 4, 0xff, 0xff, 0xff, 0xff]))
    })
  })
  const { app, port } = await startWays(t, url)
  for (const way of WAYS) {
    for (const extensions of [
      'permessage-deflate; server_max_window_bits=1000000',
      'permessage-deflate; server_max_window_bits=',
      'permessage-deflate; server_max_window_bits=-1; server_max_window_bits=99',
      ';;=,"',
    ]) {
      const socket = new WebSocket(`ws://127.0.0.1:${port}${way}/x?${encodeURIComponent(extensions)}`)
      await inTime(once(socket, 'error'), extensions)
    }
  }
  while (app.tunnels.size > 0) await new Promise((resolve) => setImmediate(resolve))
  assert.ok(await isAlive(port))
})

// CVE-2026-2581
test('an endless response that several share is neither collected nor read faster than they read', async (t) => {
  const asked = Promise.withResolvers<Socket>()
  const chunk = `10000\r\n${'a'.repeat(0x10000)}\r\n`
  const backend = await startRawBackend(t, (socket) => {
    socket.once('data', () => {
      asked.resolve(socket)
      const fill = (): void => {
        while (!socket.destroyed && socket.write(chunk));
      }
      socket.on('drain', fill)
      socket.write('HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\ntransfer-encoding: chunked\r\n\r\n')
      fill()
    })
  })
  const { app, port } = await startGateway(t, {
    'a.json': { name: 'a', auth: 'none', targets: [backend.url], cache: true, passThrough: true },
  })
  const clients = [1, 2, 3].map(() => connect(port, '127.0.0.1'))
  t.after(() => {
    for (const client of clients) client.destroy()
  })
  for (const client of clients) {
    client.on('error', () => {})
    client.write(get('/x'))
    await once(client, 'readable')
  }
  assert.equal(backend.connections(), 1)
  const socket = await asked.promise
  // what is not taken by then will not be
  let taken = -1
  for (let quiet = 0; quiet < 20;) {
    await isAlive(port)
    quiet = socket.bytesWritten === taken ? quiet + 1 : 0
    taken = socket.bytesWritten
    assert.ok(taken < 64 * 1024 * 1024, `${taken} bytes taken`)
  }
  for (const client of clients) client.destroy()
  await inTime(new Promise((resolve) => socket.once('close', resolve)), 'the end of the response')
  assert.equal(app.responseCache.fetches.size, 0)
})

// CVE-2026-21714
test('an HTTP/2 target that overflows a window loses its session, and nothing of it stays', async (t) => {
  const frame = (type: number, stream: number, payload: Buffer): Buffer => {
    const head = Buffer.alloc(9)
    head.writeUIntBE(payload.length, 0, 3)
    head[3] = type
    head.writeUInt32BE(stream, 5)
    return Buffer.concat([head, payload])
  }
  const most = Buffer.from([0x7f, 0xff, 0xff, 0xff])
  for (const stream of [0, 1]) {
    const open = new Set<Socket>()
    const { url, connections } = await startRawBackend(t, (socket) => {
      open.add(socket)
      socket.on('close', () => open.delete(socket))
      socket.write(frame(4, 0, Buffer.alloc(0)))
      // 1 is the stream of the request, there once the client has said more than its preface
      socket.on('data', (data: Buffer) => {
        if (stream === 0 || data.includes('127.0.0.1') || data.length > 80) {
          socket.write(Buffer.concat([frame(8, stream, most), frame(8, stream, most)]))
        }
      })
    })
    const { port } = await startGateway(t, {
      'a.json': {
        name: 'a',
        auth: 'none',
        targets: [{ url, http2: 'prior-knowledge' }],
        timeouts: { connect: '500ms', firstByte: '500ms' },
        retries: false,
        passThrough: true,
      },
    })
    for (let i = 0; i < 5; i++) assert.ok([502, 504].includes((await rawRequest(port, get('/x'))).status))
    assert.ok(connections() >= (stream === 0 ? 5 : 1))
    if (stream === 0) while (open.size > 0) await new Promise((resolve) => setImmediate(resolve))
    assert.ok(await isAlive(port))
  }
})
