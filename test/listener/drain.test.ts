import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent, createServer, request as httpRequest, type Server, type ServerResponse } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { test, type TestContext } from 'node:test'
import { ConnectionDrain } from '../../src/listener/drain.ts'
import { startBackend } from '../support/backend.ts'
import { startGateway } from '../support/gateway.ts'

const upstream = (target: string) => ({
  'a.json': { name: 'a', auth: 'none', prefix: '/a', targets: [target], routes: [{ method: 'GET', url: '/:id' }] },
})

test('closing waits for requests in flight and refuses none of them', async (t) => {
  const begun = Promise.withResolvers<void>()
  const go = Promise.withResolvers<void>()
  const backend = await startBackend(t, (request, response) => {
    request.resume()
    begun.resolve()
    go.promise.then(() => response.end('done'))
  })
  const { port, app } = await startGateway(t, upstream(backend.url))
  const request = httpRequest({ port, path: '/a/5' }).end()
  await begun.promise
  const closed = app.close()
  go.resolve()
  const [response] = await once(request, 'response')
  assert.equal(response.statusCode, 200)
  response.resume()
  await closed
})

test('closing does not wait for headers that never end', async (t) => {
  const backend = await startBackend(t)
  const { port, app } = await startGateway(t, upstream(backend.url))
  const half = connect(port, '127.0.0.1')
  half.on('error', () => {})
  await once(half, 'connect')
  half.write('GET /livez HTTP/1.1\r\nhost: x\r\n')
  await (await fetch(`http://127.0.0.1:${port}/livez`)).text()
  const ended = once(half, 'close')
  await app.close()
  await ended
})

/** A server whose answers wait for the test. */
async function heldServer(t: TestContext): Promise<{ server: Server; port: number; answers: ServerResponse[] }> {
  const answers: ServerResponse[] = []
  const server = createServer((_request, response) => {
    answers.push(response)
    response.flushHeaders()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return { server, port: (server.address() as AddressInfo).port, answers }
}

const isRefused = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(false)
    })
    socket.once('error', () => resolve(true))
  })

test('a gateway that retires listens on none of its servers, and keeps the answers of all until they end', async (t) => {
  const [one, other] = [await heldServer(t), await heldServer(t)]
  const connections = new ConnectionDrain(one.server)
  connections.add(other.server)
  const responses = await Promise.all(
    [one, other].map(async ({ port }) => (await once(httpRequest({ port, path: '/' }).end(), 'response'))[0]),
  )
  const retired = connections.retire()
  assert.equal(connections.busy, 2)
  assert.deepEqual(await Promise.all([one, other].map(({ port }) => isRefused(port))), [true, true])
  one.answers[0]!.end('one')
  assert.equal(await text(responses[0]), 'one')
  assert.equal(other.server.listening, false)
  other.answers[0]!.end('other')
  assert.equal(await text(responses[1]), 'other')
  await retired
  assert.equal(connections.busy, 0)
})

test('a connection that is kept alive when the gateway retires ends with its next answer', async (t) => {
  const { server, port, answers } = await heldServer(t)
  const connections = new ConnectionDrain(server)
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.after(() => agent.destroy())
  const ask = async (): Promise<string | undefined> => {
    const [response] = await once(httpRequest({ port, agent }).end(), 'response')
    answers.at(-1)!.end('x')
    await text(response)
    return response.headers.connection
  }
  assert.equal(await ask(), 'keep-alive')
  const retired = connections.retire()
  assert.equal(await ask(), 'close')
  await retired
})

test('what is left of a gateway that has retired can be cut', async (t) => {
  const { server, port } = await heldServer(t)
  const connections = new ConnectionDrain(server)
  const [response] = await once(httpRequest({ port }).end(), 'response')
  const retired = connections.retire()
  const broken = assert.rejects(text(response))
  connections.cut()
  await broken
  await retired
})
