import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { test, type TestContext } from 'node:test'
import { closedPort, startBackend, startRawBackend } from '../support/backend.ts'
import { JWT_SECRET, startGateway } from '../support/gateway.ts'
import { rawRequest } from '../support/raw-client.ts'

/** A guarded path beside a pass-through for everybody: the arrangement in which spellings of a path matter. */
async function guarded(t: TestContext) {
  const backend = await startBackend(t)
  const gateway = await startGateway(
    t,
    {
      'a.json': {
        name: 'a',
        targets: [backend.url],
        auth: 'none',
        passThrough: { websocket: true },
        routes: [
          { method: 'GET', url: '/admin', auth: { jwt: {} } },
          { method: 'GET', url: '/admin/*', auth: { jwt: {} } },
        ],
      },
    },
    { jwt: { secret: JWT_SECRET } },
  )
  return { ...gateway, backend }
}

const SPELLINGS = [
  '/admin',
  '/admin/x',
  '//admin',
  '///admin/x',
  '/%61dmin',
  '/adm%69n',
  '/%61%64%6d%69%6e',
  '/./admin',
  '/x/../admin',
  '/x/%2e%2e/admin',
  '/x/.%2e/admin',
  '/x/..%2fadmin',
  '/x/..%5cadmin',
  '/x/..\\admin',
  '\\admin',
  '/admin;x',
  '/admin;/x',
  '/;/admin',
  '/admin%00',
  '/admin\t',
  '/admin%3b/../admin',
  'http://x/admin',
  'http://x//admin',
  '/..;/admin',
  '/%2e/admin',
  '/admin/..;/admin',
  '/admin#',
  '/%2e%2e%2fadmin',
]
test('no spelling of a guarded path reaches the backend without a token, upgrades included', async (t) => {
  const { port, backend, app } = await guarded(t)
  backend.server.on('upgrade', (request, socket) => {
    backend.received.push({ method: 'UPGRADE', url: request.url! } as never)
    socket.destroy()
  })
  const upgrade =
    'connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n'
  for (const path of SPELLINGS) {
    for (const more of ['', upgrade]) {
      const response = await rawRequest(port, `GET ${path} HTTP/1.1\r\nhost: x\r\n${more}\r\n`)
      assert.ok(response.status === 401 || response.status === 400, `${path}: ${response.status}`)
    }
  }
  assert.deepEqual(
    backend.received.map(({ url }) => url),
    [],
  )
  for (const path of ['/...', '/administrator', '/a..b', '/x?y=/../admin', '/x%2Fadmin']) {
    assert.equal((await rawRequest(port, `GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`)).status, 200, path)
    assert.equal(backend.received.at(-1)!.url, path)
  }
  assert.equal((await app.inject('/livez')).statusCode, 200)
})

test('targets and paths are never glued together wrongly', async (t) => {
  const first = await startBackend(t, (request, response) => {
    request.resume()
    response.end('first')
  })
  const second = await startBackend(t, (request, response) => {
    request.resume()
    response.end('second')
  })
  const { url } = await startGateway(t, {
    'a.json': { name: 'a', prefix: '/a', stripPrefix: true, auth: 'none', targets: [first.url], passThrough: true },
    'b.json': { name: 'b', prefix: '/b', stripPrefix: true, auth: 'none', targets: [second.url], passThrough: true },
  })
  for (const path of ['/1/private', '/private', '/@evil.test/', '/:80/x', '/http://evil.test/']) {
    assert.equal(await (await fetch(`${url}/a${path}`)).text(), 'first')
    assert.equal(await (await fetch(`${url}/b${path}`)).text(), 'second')
  }
})

test('a host is matched whole, never as a part of another', async (t) => {
  const backend = await startBackend(t)
  const { port } = await startGateway(t, {
    'a.json': {
      name: 'a',
      hosts: ['local.test', '*.wild.test'],
      auth: 'none',
      targets: [backend.url],
      passThrough: true,
    },
  })
  for (const host of [
    'evillocal.test',
    'local.test.evil',
    'local.testx',
    'xwild.test',
    'a.b.wild.test',
    '.wild.test',
    'wild.test',
    'local.test@evil',
    'evil/local.test',
    'evil#local.test',
    'local.test,evil',
    'evil\tlocal.test',
    '[::1',
    'local.test:99999x',
  ]) {
    const { status } = await rawRequest(port, `GET /x HTTP/1.1\r\nhost: ${host}\r\n\r\n`)
    assert.ok(status === 404 || status === 400, `${host}: ${status}`)
  }
  assert.equal(backend.received.length, 0)
})

const AMBIGUOUS: [string, string][] = [
  ['length and chunks', 'content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['chunks and length', 'transfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n0\r\n\r\n'],
  ['two lengths', 'content-length: 4\r\ncontent-length: 5\r\n\r\nabcd'],
  ['two lengths in different case', 'content-length: 4\r\nContent-Length: 0\r\n\r\nabcd'],
  ['a list of lengths', 'content-length: 4, 4\r\n\r\nabcd'],
  ['a signed length', 'content-length: +4\r\n\r\nabcd'],
  ['a negative length', 'content-length: -1\r\n\r\n'],
  ['a hexadecimal length', 'content-length: 0x4\r\n\r\nabcd'],
  ['a length with spaces', 'content-length: 4 4\r\n\r\nabcd'],
  ['a length of words', 'content-length: four\r\n\r\nabcd'],
  ['a huge length', 'content-length: 99999999999999999999\r\n\r\n'],
  ['chunked twice', 'transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['an unknown coding', 'transfer-encoding: xchunked\r\n\r\n0\r\n\r\n'],
  ['chunked not last', 'transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n'],
  ['a vertical tab in the coding', 'transfer-encoding: \x0bchunked\r\n\r\n0\r\n\r\n'],
  ['a space before the colon', 'transfer-encoding : chunked\r\n\r\n0\r\n\r\n'],
  ['a folded header', 'x-a: 1\r\n transfer-encoding: chunked\r\n\r\n'],
  ['a NUL in a value', 'x-a: 1\0\r\n\r\n'],
  ['a NUL in a name', 'x-\0a: 1\r\n\r\n'],
  ['a bare CR', 'x-a: 1\rtransfer-encoding: chunked\r\n\r\n'],
  ['no colon', 'nonsense\r\n\r\n'],
  ['an empty name', ': x\r\n\r\n'],
  ['a bad chunk size', 'transfer-encoding: chunked\r\n\r\nzz\r\nab\r\n0\r\n\r\n'],
  ['a signed chunk size', 'transfer-encoding: chunked\r\n\r\n+2\r\nab\r\n0\r\n\r\n'],
  ['a prefixed chunk size', 'transfer-encoding: chunked\r\n\r\n0x2\r\nab\r\n0\r\n\r\n'],
  ['a chunk longer than it says', 'transfer-encoding: chunked\r\n\r\n2\r\nabcd\r\n0\r\n\r\n'],
  ['a chunk size without end', `transfer-encoding: chunked\r\n\r\n${'f'.repeat(40)}\r\n`],
]
test('what can be read as two requests is refused, and nothing of the second reaches the backend', async (t) => {
  const backend = await startBackend(t)
  const { port, app } = await startGateway(t, {
    'a.json': {
      name: 'a',
      prefix: '/s',
      auth: 'none',
      targets: [backend.url],
      routes: [{ method: 'POST', url: '/x' }],
    },
    'b.json': { name: 'b', auth: 'none', targets: [backend.url], passThrough: true },
  })
  for (const [what, rest] of AMBIGUOUS) {
    for (const path of ['/s/x', '/pass']) {
      const { status } = await rawRequest(
        port,
        `POST ${path} HTTP/1.1\r\nhost: x\r\n${rest}GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n`,
      )
      assert.ok([0, 400, 413, 431, 501].includes(status), `${what}: ${status}`)
    }
  }
  assert.ok(
    !backend.received.some(({ url, body }) => url === '/smuggled' || String(body).includes('smuggled')),
    JSON.stringify(backend.received.map(({ url }) => url)),
  )
  assert.equal((await app.inject('/livez')).statusCode, 200)
})

test('a request that is refused before its body is read leaves no second one behind', async (t) => {
  const backend = await startBackend(t)
  const { port } = await startGateway(
    t,
    {
      'a.json': {
        name: 'a',
        auth: { jwt: {} },
        targets: [backend.url],
        routes: [{ method: ['POST', 'GET'], url: '/x' }],
      },
      'b.json': { name: 'b', prefix: '/open', auth: 'none', targets: [backend.url], passThrough: true },
    },
    { jwt: { secret: JWT_SECRET } },
  )
  const smuggled = 'GET /open/smuggled HTTP/1.1\r\nhost: x\r\n\r\n'
  await rawRequest(port, `POST /x HTTP/1.1\r\nhost: x\r\ncontent-length: ${smuggled.length}\r\n\r\n${smuggled}`)
  await rawRequest(port, `GET /x HTTP/1.1\r\nhost: x\r\ncontent-length: ${smuggled.length}\r\n\r\n${smuggled}`)
  assert.equal(backend.received.length, 0)
})

test('headers named after object internals harm nobody', async (t) => {
  const backend = await startBackend(t)
  const { port, app } = await startGateway(t, {
    'a.json': { name: 'a', auth: 'none', targets: [backend.url], routes: [{ method: 'GET', url: '/x' }] },
  })
  const response = await rawRequest(
    port,
    'GET /x?__proto__=1&constructor=2 HTTP/1.1\r\nhost: x\r\n__proto__: a\r\n__proto__: b\r\nconstructor: c\r\nhasOwnProperty: d\r\ntoString: e\r\nconnection: __proto__, constructor\r\n\r\n',
  )
  assert.equal(response.status, 200)
  assert.equal(({} as Record<string, unknown>).a, undefined)
  assert.equal((await app.inject('/livez')).statusCode, 200)
})

test('an upstream that answers before the upload ends, and then goes on, costs its own connection only', async (t) => {
  const backend = await startRawBackend(t, (socket) => {
    socket.once('data', () =>
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nextra'),
    )
  })
  const { url, app } = await startGateway(t, {
    'a.json': { name: 'a', auth: 'none', targets: [backend.url], routes: [{ method: ['GET', 'POST'], url: '/x' }] },
  })
  for (let i = 0; i < 5; i++) {
    const response = await fetch(`${url}/x`, {
      method: i % 2 ? 'POST' : 'GET',
      body: i % 2 ? 'x'.repeat(100_000) : undefined,
    }).catch(() => null)
    if (response?.status === 200) assert.equal(await response.text(), 'ok')
  }
  assert.equal((await app.inject('/livez')).statusCode, 200)
})

test('clients that abort at every phase leave the gateway alive', async (t) => {
  const backend = await startBackend(t, (request, response) => {
    request.resume()
    response.write('part')
    setImmediate(() => response.end('rest'))
  })
  const { port, app } = await startGateway(t, {
    'a.json': {
      name: 'a',
      prefix: '/d',
      auth: 'none',
      targets: [backend.url],
      routes: [
        { method: 'POST', url: '/x' },
        { method: 'POST', url: '/checked', schema: { body: { type: 'object' } } },
      ],
    },
    'b.json': { name: 'b', auth: 'none', targets: [backend.url], passThrough: true },
    'c.json': {
      name: 'c',
      prefix: '/dead',
      auth: 'none',
      targets: [`http://127.0.0.1:${await closedPort()}`],
      passThrough: true,
    },
  })
  const whole = (path: string) =>
    `POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 20000\r\n\r\n{"a":"${'x'.repeat(19_992)}"}`
  const attempts = []
  for (const path of ['/d/x', '/d/checked', '/pass', '/dead/x']) {
    for (const cut of [10, 40, 90, 130, 5000, 20_060, 30_000]) {
      for (const reset of [true, false]) {
        attempts.push(
          new Promise<void>((resolve) => {
            const socket = connect(port, '127.0.0.1', () => {
              socket.write(whole(path).slice(0, cut), () =>
                setImmediate(() => (reset ? socket.resetAndDestroy() : socket.destroy())),
              )
            })
            socket.on('error', () => {})
            socket.on('close', () => resolve())
          }),
        )
      }
    }
  }
  await Promise.all(attempts)
  assert.equal((await app.inject('/livez')).statusCode, 200)
  assert.equal((await rawRequest(port, whole('/pass'))).status, 200)
})

test('no error answer tells of addresses, stacks or libraries', async (t) => {
  const dead = await closedPort()
  const garbage = await startRawBackend(t, (socket) => {
    socket.once('data', () => socket.end('garbage\r\n\r\n'))
  })
  const { port } = await startGateway(t, {
    'a.json': {
      name: 'a',
      prefix: '/dead',
      auth: 'none',
      targets: [`http://127.0.0.1:${dead}`],
      routes: [{ method: 'GET', url: '/' }],
    },
    'b.json': {
      name: 'b',
      prefix: '/dead-pass',
      auth: 'none',
      targets: [`http://127.0.0.1:${dead}`],
      passThrough: true,
    },
    'c.json': { name: 'c', prefix: '/garbage', auth: 'none', targets: [garbage.url], passThrough: true },
    'd.mjs':
      "export default async (app) => { app.get('/throws', { config: { auth: 'none' } }, () => { throw new Error('secret detail at /etc/passwd') }); app.get('/rejects', { config: { auth: 'none' } }, async () => { throw Object.assign(new Error('secret detail'), { statusCode: 418 }) }) }",
  })
  for (const path of [
    '/dead',
    '/dead-pass/x',
    '/garbage/x',
    '/throws',
    '/rejects',
    '/none',
    '/%zz',
    '/../x',
    `/${'x'.repeat(20_000)}`,
  ]) {
    const response = await rawRequest(port, `GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`)
    assert.ok(response.status >= 400, path)
    assert.match(response.headers['content-type']!, /^application\/problem\+json/, path)
    const body = JSON.parse(response.body)
    assert.equal(body.status, response.status)
    assert.ok(body.code.startsWith('GW_') && body.requestId === response.headers['x-request-id'], path)
    assert.doesNotMatch(
      response.body,
      /127\.0\.0\.1|ECONN|undici|fastify|FST_|HPE_|node:|\.ts|secret|passwd|\bat /i,
      path,
    )
  }
})
