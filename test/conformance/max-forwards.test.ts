import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startGateway } from '../support/gateway.ts'
import { rawRequest } from '../support/raw-client.ts'
import { startRecorder, startWays, WAYS } from '../security/wire.ts'

const options = (target: string, more = ''): string => `OPTIONS ${target} HTTP/1.1\r\nhost: x\r\n${more}\r\n`

// RFC 9110, section 7.6.2
test('OPTIONS with Max-Forwards goes on with one less', async (t) => {
  const backend = await startRecorder(t)
  const { port } = await startWays(t, backend.url)
  const sent: [string, string | undefined][] = [
    ['5', '4'],
    ['1', '0'],
    ['007', '6'],
    ['99999999999999999999999', '2147483647'],
  ]
  for (const way of WAYS) {
    for (const [stated, received] of sent) {
      const { status } = await rawRequest(port, options(`${way}/x`, `max-forwards: ${stated}\r\n`))
      assert.equal(status, 200)
      assert.equal(backend.received.at(-1)!.headers['max-forwards'], received, `${way} ${stated}`)
    }
    await rawRequest(port, options(`${way}/x`, 'connection: max-forwards\r\nmax-forwards: 3\r\n'))
    assert.equal(backend.received.at(-1)!.headers['max-forwards'], '2', 'Connection does not take the counter away')
    await rawRequest(port, options(`${way}/x`))
    assert.equal(backend.received.at(-1)!.headers['max-forwards'], undefined)
  }
})

test('OPTIONS with Max-Forwards 0 is answered by the gateway', async (t) => {
  const backend = await startRecorder(t)
  const { port } = await startWays(t, backend.url)
  for (const way of WAYS) {
    for (const more of [
      'max-forwards: 0\r\n',
      'Max-Forwards: 000\r\n',
      'max-forwards: 0\r\nmax-forwards: 5\r\n',
      'connection: max-forwards\r\nmax-forwards: 0\r\n',
    ]) {
      const { status, headers, body } = await rawRequest(port, options(`${way}/x`, more))
      assert.equal(status, 204, way)
      assert.match(headers.allow!, /\bOPTIONS\b/)
      assert.match(headers.allow!, /\bGET\b/)
      assert.equal(headers['content-length'], undefined)
      assert.equal(body, '')
    }
  }
  assert.equal(backend.wire(), '')
})

test('the gateway answers Max-Forwards 0 only to those who may call the route', async (t) => {
  const backend = await startRecorder(t)
  const guarded = { name: 'g', prefix: '/g', auth: { jwt: {} }, targets: [backend.url], passThrough: true }
  const { port } = await startWays(t, backend.url, {}, { files: { 'guarded.json': guarded } })
  assert.equal((await rawRequest(port, options('/g/x', 'max-forwards: 0\r\n'))).status, 401)
})

test('a Max-Forwards that is no number is refused on OPTIONS, and passes on other methods', async (t) => {
  const backend = await startRecorder(t)
  const { port } = await startWays(t, backend.url)
  for (const way of WAYS) {
    for (const wrong of ['-1', 'x', '', '1.5', '+1', '0x1', '1 2', '1, 2']) {
      assert.equal((await rawRequest(port, options(`${way}/x`, `max-forwards: ${wrong}\r\n`))).status, 400, wrong)
    }
    assert.equal(backend.targets().length, 0)
    await rawRequest(port, `GET ${way}/x HTTP/1.1\r\nhost: x\r\nmax-forwards: 0\r\n\r\n`)
    assert.equal(
      backend.received.at(-1)!.headers['max-forwards'],
      '0',
      'RFC 9110, section 7.6.2: other methods may ignore it',
    )
    backend.received.length = 0
    backend.targets().length = 0
  }
})

test('TRACE is counted where a plugin forwards it, and never reaches a declared route', async (t) => {
  const backend = await startRecorder(t)
  const plugin = `
    export default async (app) => {
      const upstream = app.addUpstream({ name: 'traced', targets: ['${backend.url}'] })
      app.route({ method: ['TRACE', 'GET'], url: '/traced', config: { auth: 'none' }, handler: (request, reply) => reply.forward(upstream) })
    }`
  const { port } = await startWays(t, backend.url, {}, { files: { 'traced.ts': plugin } })
  const trace = (target: string, more = ''): string => `TRACE ${target} HTTP/1.1\r\nhost: x\r\n${more}\r\n`
  assert.equal((await rawRequest(port, trace('/traced', 'max-forwards: 2\r\n'))).status, 200)
  assert.equal(backend.received.at(-1)!.headers['max-forwards'], '1')
  const answered = await rawRequest(port, trace('/traced', 'max-forwards: 0\r\n'))
  assert.equal(answered.status, 405)
  assert.match(answered.headers.allow!, /\bGET\b/)
  assert.equal(backend.received.length, 1)
  for (const way of WAYS) {
    for (const hops of ['0', '3']) {
      assert.equal((await rawRequest(port, trace(`${way}/x`, `max-forwards: ${hops}\r\n`))).status, 405, way)
    }
  }
  assert.equal(backend.received.length, 1)
})

// RFC 9110, section 9.3.7, and RFC 9112, section 3.2.4
test('OPTIONS * is answered by the gateway, with the methods that it has routes for', async (t) => {
  const backend = await startRecorder(t)
  const { port } = await startWays(t, backend.url)
  for (const [target, host] of [
    ['*', 'x'],
    ['http://x', 'x'],
    ['HTTP://X:80', 'x:80'],
  ] as const) {
    const { status, headers } = await rawRequest(port, `OPTIONS ${target} HTTP/1.1\r\nhost: ${host}\r\n\r\n`)
    assert.equal(status, 204, target)
    for (const method of ['GET', 'HEAD', 'POST', 'OPTIONS']) {
      assert.ok(headers.allow!.split(', ').includes(method), method)
    }
    assert.equal(headers['content-length'], undefined)
    assert.ok(headers.date)
  }
  assert.equal((await rawRequest(port, 'OPTIONS * HTTP/1.0\r\n\r\n')).status, 204)
  assert.equal(backend.wire(), '')
})

test('OPTIONS * needs a valid host, and no other method has such a target', async (t) => {
  const { port } = await startGateway(t, {})
  for (const [request, status] of [
    ['OPTIONS * HTTP/1.1\r\n\r\n', 400],
    ['OPTIONS * HTTP/1.1\r\nhost: a/b\r\n\r\n', 400],
    ['OPTIONS * HTTP/1.1\r\nhost: x\r\nhost: y\r\n\r\n', 400],
    ['OPTIONS http://y HTTP/1.1\r\nhost: x\r\n\r\n', 400],
    ['OPTIONS *x HTTP/1.1\r\nhost: x\r\n\r\n', 400],
    ['OPTIONS *?a HTTP/1.1\r\nhost: x\r\n\r\n', 400],
    ['OPTIONS http://x/ HTTP/1.1\r\nhost: x\r\n\r\n', 404],
    ['GET * HTTP/1.1\r\nhost: x\r\n\r\n', 400],
    ['POST * HTTP/1.1\r\nhost: x\r\n\r\n', 400],
    ['OPTIONS /.refused HTTP/1.1\r\nhost: x\r\n\r\n', 404],
  ] as const) {
    assert.equal((await rawRequest(port, request)).status, status, request)
  }
})
