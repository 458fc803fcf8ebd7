import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startBackend, startRawBackend } from '../support/backend.ts'
import { buildApp } from '../../src/app.ts'
import { apiConfig, apiDocument } from '../support/api-gateway.ts'
import { listening, startGateway } from '../support/gateway.ts'
import { rawRequest } from '../support/raw-client.ts'
import { get, startWays, WAYS } from '../security/wire.ts'

const HSTS = 'strict-transport-security'
const answering =
  (text: string) =>
  (socket: import('node:net').Socket): void => {
    socket.on('data', () => socket.write(text))
  }

// RFC 9110, section 8.6
test('a 204 has no Content-Length, whatever the upstream says', async (t) => {
  const upstream = await startRawBackend(
    t,
    answering('HTTP/1.1 204 No Content\r\ncontent-length: 0\r\ncache-control: max-age=60\r\n\r\n'),
  )
  const cached = { name: 'c', prefix: '/cached', auth: 'none', targets: [upstream.url], cache: true, passThrough: true }
  const { port } = await startWays(t, upstream.url, {}, { files: { 'cached.json': cached } })
  for (const way of [...WAYS, '/cached', '/cached']) {
    for (const method of ['GET', 'HEAD']) {
      const { status, headers } = await rawRequest(port, `${method} ${way}/x HTTP/1.1\r\nhost: x\r\n\r\n`)
      assert.equal(status, 204)
      assert.equal(headers['content-length'], undefined, `${method} ${way}`)
      assert.equal(headers['transfer-encoding'], undefined)
    }
  }
})

test('the answer to a preflight has no Content-Length', async (t) => {
  const backend = await startBackend(t)
  const { port } = await startGateway(t, {
    'a.json': {
      name: 'a',
      prefix: '/a',
      auth: 'none',
      targets: [backend.url],
      cors: { origins: '*' },
      passThrough: true,
    },
  })
  const { status, headers } = await rawRequest(
    port,
    'OPTIONS /a/x HTTP/1.1\r\nhost: x\r\norigin: https://a.test\r\naccess-control-request-method: PUT\r\n\r\n',
  )
  assert.equal(status, 204)
  assert.equal(headers['access-control-allow-origin'], '*')
  assert.equal(headers['content-length'], undefined)
})

test('an interim response has no Content-Length', async (t) => {
  const upstream = await startRawBackend(
    t,
    answering(
      'HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload\r\ncontent-length: 0\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok',
    ),
  )
  const { port } = await startWays(t, upstream.url)
  for (const way of WAYS) {
    const { text } = await rawRequest(port, get(`${way}/x`))
    const [interim = ''] = text.split('\r\n\r\n')
    assert.match(interim, /^HTTP\/1\.1 103 /, way)
    assert.doesNotMatch(interim, /content-length/i, way)
  }
})

// RFC 6797, section 7.2
test('Strict-Transport-Security is sent over TLS alone', async (t) => {
  const backend = await startBackend(t, (request, response) => {
    request.resume()
    if (request.url!.endsWith('/own')) response.setHeader('Strict-Transport-Security', 'max-age=5')
    response.setHeader('cache-control', 'max-age=60').end('ok')
  })
  const files = {
    'cached.json': {
      name: 'c',
      prefix: '/cached',
      auth: 'none',
      targets: [backend.url],
      cache: true,
      passThrough: true,
    },
    'stating.json': {
      name: 's',
      prefix: '/stating',
      auth: 'none',
      targets: [backend.url],
      securityHeaders: true,
      passThrough: true,
    },
  }
  const direct = await startWays(t, backend.url, {}, { files })
  const trusting = await startWays(t, backend.url, {}, { files, config: { trustProxy: ['127.0.0.1'] } })
  for (const target of ['/declared/own', '/pass/own', '/cached/own', '/cached/own', '/stating/x', '/stating/own']) {
    for (const more of ['', 'x-forwarded-proto: https\r\n']) {
      assert.equal((await rawRequest(direct.port, get(target, more))).headers[HSTS], undefined, `${target} ${more}`)
    }
    for (const [proto, isSecure] of [
      ['https', true],
      ['HTTPS', true],
      ['http, https', true],
      ['http', false],
      ['https, http', false],
      ['', false],
      ['httpsx', false],
    ] as const) {
      const { headers } = await rawRequest(trusting.port, get(target, `x-forwarded-proto: ${proto}\r\n`))
      assert.equal(headers[HSTS] !== undefined, isSecure, `${target} over ${proto}`)
    }
    assert.equal((await rawRequest(trusting.port, get(target))).headers[HSTS], undefined, target)
  }
  const { headers } = await rawRequest(direct.port, get('/stating/x'))
  assert.equal(headers['x-content-type-options'], 'nosniff', 'the other security headers stay')
})

// RFC 9110, section 15.5.16
test('a 415 lists what would have been accepted', async (t) => {
  const backend = await startBackend(t)
  const content = { 'application/json': { schema: { type: 'object' } }, 'text/plain': { schema: { type: 'string' } } }
  const document = apiDocument({
    '/d': { post: { requestBody: { content }, responses: { 200: { description: 'ok' } } } },
  })
  const { port } = await listening(
    t,
    await buildApp(
      await apiConfig(
        t,
        {
          'a.json': {
            name: 'a',
            prefix: '/a',
            auth: 'none',
            targets: [backend.url],
            routes: [
              { method: 'POST', url: '/one', schema: { body: { type: 'object' } } },
              { method: 'POST', url: '/two', schema: { consumes: ['application/json', 'image/*'], body: {} } },
            ],
          },
          'd.json': { name: 'd', prefix: '/d', auth: 'none', targets: [backend.url], openapi: 'document.json' },
          'plain.ts':
            "export default async (app) => { app.post('/plain', { config: { auth: 'none' } }, async (request) => request.body) }",
        },
        { 'document.json': document },
      ),
    ),
  )
  const post = (path: string, fields: string): string =>
    `POST ${path} HTTP/1.1\r\nhost: x\r\n${fields}content-length: 2\r\n\r\n{}`
  for (const [path, accept] of [
    ['/a/one', 'application/json'],
    ['/a/two', 'application/json, image/*'],
    ['/d/d', 'application/json, text/plain'],
  ] as const) {
    for (const fields of [
      'content-type: text/html\r\n',
      'content-type: nonsense\r\n',
      '',
      'content-type: application/json; charset=latin1\r\n',
      'content-type: application/json\r\ncontent-encoding: br\r\n',
    ]) {
      const { status, headers } = await rawRequest(port, post(path, fields))
      assert.equal(status, 415, `${path} ${fields}`)
      assert.equal(headers.accept, accept, `${path} ${fields}`)
      assert.equal(headers['accept-encoding'], fields.includes('encoding') ? 'identity' : undefined)
    }
  }
  const { status, headers } = await rawRequest(
    port,
    post('/plain', 'content-type: application/json\r\ncontent-encoding: gzip\r\n'),
  )
  assert.deepEqual([status, headers['accept-encoding']], [415, 'identity'])
})

// RFC 9110, sections 15.5.22 and 7.8
test('a 426 of the upstream keeps Upgrade', async (t) => {
  const upstream = await startRawBackend(
    t,
    answering(
      'HTTP/1.1 426 Upgrade Required\r\nconnection: Upgrade, x-hop\r\nupgrade: h2c, websocket\r\nx-hop: 1\r\ncache-control: max-age=60\r\ncontent-length: 2\r\n\r\nno',
    ),
  )
  const cached = { name: 'c', prefix: '/cached', auth: 'none', targets: [upstream.url], cache: true, passThrough: true }
  const { port } = await startWays(t, upstream.url, {}, { files: { 'cached.json': cached } })
  for (const way of [...WAYS, '/cached', '/cached']) {
    const { status, headers, body } = await rawRequest(port, get(`${way}/x`))
    assert.equal(status, 426)
    assert.equal(headers.upgrade, 'h2c, websocket', way)
    assert.equal(headers.connection, 'upgrade', way)
    assert.equal(headers['x-hop'], undefined)
    assert.equal(body, 'no')
    const closing = await rawRequest(port, get(`${way}/x`, 'connection: close\r\n'))
    assert.equal(closing.headers.connection, 'close, upgrade')
    assert.equal((await rawRequest(port, get(`${way}/x`, '', '1.0'))).headers.connection, 'close, upgrade')
  }
})

test('other answers keep no Upgrade', async (t) => {
  const upstream = await startRawBackend(
    t,
    answering(
      'HTTP/1.1 200 OK\r\nconnection: Upgrade\r\nupgrade: h2c\r\nproxy-authenticate: Basic\r\ncontent-length: 2\r\n\r\nok',
    ),
  )
  const { port } = await startWays(t, upstream.url)
  for (const way of WAYS) {
    const { headers } = await rawRequest(port, get(`${way}/x`))
    assert.deepEqual(
      [headers.upgrade, headers.connection, headers['proxy-authenticate']],
      [undefined, 'keep-alive', undefined],
    )
  }
})

// RFC 9110, section 15.5.8
test('a 407 of the upstream keeps Proxy-Authenticate', async (t) => {
  const upstream = await startRawBackend(
    t,
    answering(
      'HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic realm="a"\r\nproxy-authenticate: Bearer\r\ncache-control: max-age=60\r\ncontent-length: 2\r\n\r\nno',
    ),
  )
  const cached = { name: 'c', prefix: '/cached', auth: 'none', targets: [upstream.url], cache: true, passThrough: true }
  const { port } = await startWays(t, upstream.url, {}, { files: { 'cached.json': cached } })
  for (const way of [...WAYS, '/cached', '/cached']) {
    const { status, text } = await rawRequest(port, get(`${way}/x`))
    assert.equal(status, 407)
    assert.deepEqual(
      text.match(/^proxy-authenticate: .*$/gim),
      ['proxy-authenticate: Basic realm="a"', 'proxy-authenticate: Bearer'],
      way,
    )
  }
})
