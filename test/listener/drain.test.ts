import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { test } from 'node:test'
import { startBackend } from '../support/backend.ts'
import { startGateway } from '../support/gateway.ts'

const upstream = (target: string) => ({ 'a.json': { name: 'a', auth: 'none', prefix: '/a', targets: [target], routes: [{ method: 'GET', url: '/:id' }] } })

test('closing waits for requests in flight and refuses none of them', async (t) => {
  const begun = Promise.withResolvers<void>()
  const go = Promise.withResolvers<void>()
  const backend = await startBackend(t, (request, response) => { request.resume(); begun.resolve(); go.promise.then(() => response.end('done')) })
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
