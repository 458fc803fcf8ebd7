import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { test, type TestContext } from 'node:test'
import { startRawBackend } from '../support/backend.ts'
import type { Gateway } from '../support/gateway.ts'
import { rawRequest } from '../support/raw-client.ts'
import { get, inTime, isAlive, openWire, startWays, UPGRADE, WAYS, type Wire } from './wire.ts'

// An exception that nothing catches fails the test in which it happens: the gateway runs in this process.

const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok'
const SWITCHED = 'HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n'

/** A backend that answers the first bytes of every connection. */
const answering = (t: TestContext, answer: (socket: Socket, head: string) => void) =>
  startRawBackend(t, (socket) => {
    socket.once('data', (data: Buffer) => answer(socket, data.toString('latin1')))
  })

/** A connection with its end at the gateway. */
async function openBoth(t: TestContext, { app, port }: Gateway): Promise<{ wire: Wire; socket: Socket }> {
  const accepted = once(app.server, 'connection')
  const wire = await openWire(t, port)
  return { wire, socket: (await accepted)[0] }
}

/** Resolves when a socket is gone, cut or not. */
const gone = (socket: Socket): Promise<unknown> => new Promise((resolve) => socket.once('close', resolve))

/** Milliseconds: more than any machine needs, and less than every default of the gateway. */
const SOON = 20_000

/** Waits, and destroys the socket in the end: one that hangs would keep the gateway from closing, and so the test. */
const orDestroy = (socket: Socket, work: Promise<unknown>, what: string): Promise<unknown> =>
  inTime(work, what, SOON).finally(() => socket.destroy())

/** Shorter than what the tests wait for. */
const IMPATIENT = { firstByte: '300ms', idle: '300ms' }

for (const way of WAYS) {
  test(`${way}: an upstream that announces trailers does no harm to an HTTP/1.0 client, which cannot get any`, async (t) => {
    const backend = await answering(t, (socket) =>
      socket.end(
        'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n2\r\nok\r\n0\r\nx-sum: 1\r\n\r\n',
      ),
    )
    const { port } = await startWays(t, backend.url)
    const { status, body } = await rawRequest(port, get(`${way}/x`, '', '1.0'))
    assert.deepEqual([status, body], [200, 'ok'])
    assert.ok(await isAlive(port))
  })

  test(`${way}: an upgrade that is pipelined behind a request does not end the process`, async (t) => {
    const backend = await answering(t, (socket) => socket.end(OK))
    const { port } = await startWays(t, backend.url)
    for (const first of [`${way}/x`, '/livez', '/nowhere']) {
      const wire = await openWire(t, port)
      wire.socket.write(get(first) + get(`${way}/x`, UPGRADE))
      // a second answer, or the end of the connection
      await inTime(
        Promise.race([wire.until(/HTTP\/1\.1 \d+[^]*HTTP\/1\.1 \d+/), wire.closed]),
        `an answer behind ${first}`,
      )
      assert.ok(await isAlive(port))
    }
  })

  test(`${way}: "100 Continue" for a pipelined request never lands inside of a response`, async (t) => {
    const asked = Promise.withResolvers<Socket>()
    const backend = await answering(t, (socket, head) => {
      if (head.startsWith('GET')) asked.resolve(socket)
      else socket.end(OK)
    })
    const gateway = await startWays(t, backend.url)
    const second = once(gateway.app.server, 'checkContinue')
    const wire = await openWire(t, gateway.port)
    wire.socket.write(
      `${get(`${way}/x`)}POST ${way}/x HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\nhello`,
    )
    const first = await asked.promise
    await second
    assert.equal(wire.text(), '')
    first.end(OK)
    const text = await inTime(wire.until(/ok[^]*HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\nok$/), 'two answers')
    // head and body of both answers; a 100 may only stand between them
    assert.match(
      text,
      /^HTTP\/1\.1 200 OK\r\n(?:[^\r\n]+\r\n)+\r\nok(?:HTTP\/1\.1 100 Continue\r\n\r\n)?HTTP\/1\.1 200 OK\r\n(?:[^\r\n]+\r\n)+\r\nok$/,
    )
  })

  test(`${way}: a connection has one request under way, however many are pipelined, and no more is read than that needs`, async (t) => {
    const asked: Socket[] = []
    const first = Promise.withResolvers<void>()
    const backend = await answering(t, (socket) => {
      asked.push(socket)
      if (asked.length === 1) first.resolve()
      else socket.end(OK)
    })
    const gateway = await startWays(t, backend.url)
    const { wire, socket } = await openBoth(t, gateway)
    wire.socket.write(get(`${way}/x`).repeat(100_000))
    await first.promise
    // what the gateway has not read in the time of fifty other requests it will not read
    for (let i = 0; i < 50; i++) assert.ok(await isAlive(gateway.port))
    assert.equal(asked.length, 1)
    assert.ok(socket.bytesRead < 1024 * 1024, `${socket.bytesRead} bytes read`)
    asked[0]!.end(OK)
    await inTime(
      (async () => {
        while (asked.length < 100) await once(wire.socket, 'data')
      })(),
      'a hundred requests',
      20_000,
    )
    assert.ok(socket.bytesRead < 1024 * 1024, `${socket.bytesRead} bytes read`)
    wire.socket.destroy()
  })

  test(`${way}: the connection of a refused upgrade is closed, though the client has sent bytes that nobody reads`, async (t) => {
    const backend = await answering(t, (socket) =>
      socket.end('HTTP/1.1 401 Unauthorized\r\ncontent-length: 2\r\n\r\nno'),
    )
    const gateway = await startWays(t, backend.url)
    for (const [target, status] of [
      [`${way}/x`, 401],
      ['/nowhere', 404],
    ] as const) {
      const { wire, socket } = await openBoth(t, gateway)
      const closed = gone(socket)
      wire.socket.write(`${get(target, UPGRADE)}bytes of a client that does not wait`)
      await inTime(wire.until(new RegExp(`^HTTP/1\\.1 ${status} `)), `the answer of ${target}`)
      await orDestroy(socket, closed, `the gateway's end after ${status}`)
    }
  })

  test(`${way}: a client that leaves before its WebSocket is accepted takes the upstream's connection with it`, async (t) => {
    const asked = Promise.withResolvers<Socket>()
    const backend = await answering(t, (socket) => asked.resolve(socket))
    const gateway = await startWays(t, backend.url)
    const { wire, socket } = await openBoth(t, gateway)
    wire.socket.write(get(`${way}/x`, UPGRADE))
    const upstream = await asked.promise
    upstream.on('end', () => upstream.end())
    const [left, ended] = [once(socket, 'end'), gone(upstream)]
    wire.socket.end()
    await inTime(left, 'the end of the client')
    upstream.write(`${SWITCHED}\r\n`)
    await orDestroy(socket, ended, 'the end at the upstream')
    assert.equal(gateway.app.tunnels.size, 0)
  })

  test(`${way}: the headers of an accepted upgrade reach the client byte by byte, without those of a body`, async (t) => {
    const backend = await answering(t, (socket) =>
      socket.write(Buffer.from(`${SWITCHED}x-name: caf\xe9\r\ncontent-length: 5\r\n\r\n`, 'latin1')),
    )
    const { port } = await startWays(t, backend.url)
    const { status, headers } = await rawRequest(port, get(`${way}/x`, UPGRADE))
    assert.equal(status, 101)
    assert.equal(headers['x-name'], 'caf\xe9')
    assert.equal(headers['content-length'], undefined)
  })

  test(`${way}: informational answers do not hold a request for ever`, async (t) => {
    const backend = await answering(t, (socket) => {
      const more = setInterval(() => socket.write('HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n'), 50)
      socket.on('close', () => clearInterval(more))
    })
    const { port } = await startWays(t, backend.url, { timeouts: IMPATIENT })
    assert.equal((await rawRequest(port, get(`${way}/x`), { timeoutMs: SOON })).status, 504)
  })

  test(`${way}: a client that does not read its response does not hold the upstream for ever`, async (t) => {
    const asked = Promise.withResolvers<Socket>()
    const chunk = `10000\r\n${'a'.repeat(0x10000)}\r\n`
    const backend = await answering(t, (socket) => {
      asked.resolve(socket)
      const fill = (): void => {
        while (!socket.destroyed && socket.write(chunk));
      }
      socket.on('drain', fill)
      socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n')
      fill()
    })
    const { port } = await startWays(t, backend.url, { timeouts: IMPATIENT })
    const wire = await openWire(t, port)
    wire.socket.pause()
    wire.socket.write(get(`${way}/x`))
    await orDestroy(wire.socket, gone(await asked.promise), 'the end of the download')
  })
}
