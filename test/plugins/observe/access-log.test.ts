import assert from 'node:assert/strict'
import { request as httpRequest } from 'node:http'
import { test } from 'node:test'
import { closedPort, startBackend } from '../../support/backend.ts'
import { captureLog } from '../../support/captured-log.ts'
import { startGateway } from '../../support/gateway.ts'

const upstream = (target: string) => ({
  'a.json': { name: 'a', auth: 'none', prefix: '/a', targets: [target], routes: [{ method: 'GET', url: '/:id' }] },
})
const logged = { log: { level: 'info' as const, access: true, format: 'json' as const } }

test('one line a request, without the query', async (t) => {
  const backend = await startBackend(t)
  const { url, app } = await startGateway(t, upstream(backend.url), logged)
  const log = captureLog(t, app)
  const response = await fetch(`${url}/a/5?token=secret`, {
    headers: { traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', authorization: 'Bearer secret' },
  })
  await response.text()
  const line = await log.next('request')
  assert.equal(line.reqId, response.headers.get('x-request-id'))
  assert.equal(line.traceId, '4bf92f3577b34da6a3ce929d0e0e4736')
  assert.equal(line.path, '/a/5')
  assert.equal(line.route, '/a/:id')
  assert.equal(line.upstream, 'a')
  assert.equal(line.status, 200)
  assert.equal(line.client, '127.0.0.1')
  assert.equal(typeof line.ms, 'number')
  assert.equal(line.target, backend.url)
  assert.ok(Number(line.upstreamMs) > 0 && Number(line.upstreamMs) <= Number(line.ms))
  assert.doesNotMatch(JSON.stringify(log.lines), /secret/)
  assert.equal(backend.received[0]!.headers.traceparent, '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01')
})

test('a streamed upload is logged with its client, and a pass-through as such', async (t) => {
  const backend = await startBackend(t)
  const { url, app } = await startGateway(
    t,
    { 'p.json': { name: 'p', prefix: '/p', auth: 'none', targets: [backend.url], passThrough: true } },
    { ...logged, trustProxy: ['127.0.0.1'] },
  )
  const log = captureLog(t, app)
  await (await fetch(`${url}/p/x`, { method: 'POST', body: 'x'.repeat(100_000) })).text()
  const line = await log.next('request')
  assert.equal(line.client, '127.0.0.1')
  assert.equal(line.route, '/p/*')
})

test('a client that goes away gets a line with status 499', async (t) => {
  const begun = Promise.withResolvers<void>()
  const backend = await startBackend(t, (request) => {
    request.resume()
    begun.resolve()
  })
  const { port, app } = await startGateway(t, upstream(backend.url), logged)
  const log = captureLog(t, app)
  const request = httpRequest({ port, path: '/a/5' }).end()
  request.on('error', () => {})
  await begun.promise
  request.destroy()
  const line = await log.next('request aborted')
  assert.equal(line.status, 499)
  assert.equal(line.aborted, true)
})

test('a failed upstream is logged with its cause, under the id that the client got', async (t) => {
  const { url, app } = await startGateway(t, upstream(`http://127.0.0.1:${await closedPort()}`), logged)
  const log = captureLog(t, app)
  const response = await fetch(`${url}/a/5`)
  await response.text()
  const failure = log.lines.find((line) => line.code === 'GW_UPSTREAM_UNREACHABLE')!
  assert.equal(failure.reqId, response.headers.get('x-request-id'))
  assert.match(String(failure.reason), /^ECONNREFUSED/)
  assert.equal(failure.upstream, 'a')
  assert.equal(failure.err, undefined, 'a stack would tell nothing more')
})

test('/livez and /readyz', async (t) => {
  const { url, app } = await startGateway(t, upstream('http://127.0.0.1:1'))
  assert.equal((await fetch(`${url}/livez`)).status, 200)
  assert.equal((await fetch(`${url}/readyz`)).status, 200)
  app.readiness.ready = false
  assert.equal((await fetch(`${url}/readyz`)).status, 503)
  assert.equal((await fetch(`${url}/livez`)).status, 200)
})
