import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, get, type Server, type ServerResponse } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { test, type TestContext } from 'node:test'
import { shutDown, type StoppableApp } from '../../src/listener/process-shutdown.ts'

/** A server whose answers wait for the test, as an app that can be stopped. */
async function slowApp(
  t: TestContext,
): Promise<{ app: StoppableApp; url: string; request: Promise<ServerResponse>; logged: string[] }> {
  let got: (response: ServerResponse) => void
  const request = new Promise<ServerResponse>((resolve) => {
    got = resolve
  })
  const server = createServer((_request, response) => got(response)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const logged: string[] = []
  const log = (_details: object, message: string): void => {
    logged.push(message)
  }
  const app: StoppableApp = {
    readiness: { ready: true },
    server,
    close: () =>
      new Promise((resolve) => {
        server.close(resolve)
      }),
    log: { info: log, warn: log, fatal: log },
  }
  return { app, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, request, logged }
}

test('an idle app stops at once, with readiness off', async (t) => {
  const { app, logged } = await slowApp(t)
  await shutDown(app, { delay: 0, timeout: 60_000 })
  assert.equal(app.readiness.ready, false)
  assert.deepEqual(logged, [])
})

test('a connection whose request is still on the way is served', async (t) => {
  const { app, url, request } = await slowApp(t)
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  t.after(() => socket.destroy())
  await once(app.server as Server, 'connection')
  const stopped = shutDown(app, { delay: 0, timeout: 60_000 })
  socket.write('GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n')
  const answer = text(socket)
  const response = await request
  response.end('done')
  assert.match(await answer, /^HTTP\/1\.1 200 OK\r\n/)
  await stopped
})

test('what is not finished in time is cut, with a warning', async (t) => {
  const { app, url, request, logged } = await slowApp(t)
  const failed = once(get(url), 'error').catch((error: Error) => error)
  const broken = assert.rejects(fetch(url))
  await request
  await shutDown(app, { delay: 0, timeout: 20 })
  assert.equal(logged.length, 1)
  await broken
  await failed
})

test('readiness is off during the delay, while the app still listens', async (t) => {
  const { app, url, request } = await slowApp(t)
  t.mock.timers.enable({ apis: ['setTimeout'] })
  let closed = false
  const { close } = app
  app.close = () => {
    closed = true
    return close()
  }
  const stopped = shutDown(app, { delay: 1000, timeout: 60_000 })
  assert.equal(app.readiness.ready, false)
  const answer = fetch(url)
  const response = await request
  assert.equal(closed, false)
  response.end()
  assert.equal((await answer).status, 200)
  t.mock.timers.tick(999)
  await new Promise(setImmediate)
  assert.equal(closed, false)
  t.mock.timers.tick(1)
  await stopped
  assert.equal(closed, true)
})

test('an app that never closes does not hold up the end', async () => {
  const app: StoppableApp = {
    readiness: { ready: true },
    server: {},
    close: () => new Promise(() => {}),
    log: { info() {}, warn() {}, fatal() {} },
  }
  await shutDown(app, { delay: 0, timeout: 10 })
})
