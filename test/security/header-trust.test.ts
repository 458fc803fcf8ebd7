import assert from 'node:assert/strict'
import { test } from 'node:test'
import { signToken } from '../../src/auth/jwt/dev-token.ts'
import { startBackend } from '../support/backend.ts'
import { JWT_SECRET, startGateway } from '../support/gateway.ts'
import { rawRequest } from '../support/raw-client.ts'
import { LIES, SPOOFED } from './corpus.ts'
import { askBoth, get, startRecorder, startWays, WAYS } from './wire.ts'

const lines = (headers: [string, string][]): string => headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')

// CVE-2026-3635
test('what a stranger says about client, scheme and host never reaches the upstream', async (t) => {
  const backend = await startRecorder(t)
  const { port } = await startWays(t, backend.url)
  const spelled = LIES.map(([name, value]): [string, string] => [name.toUpperCase(), value])
  for (const way of WAYS) {
    for (const lies of [LIES, spelled, [...LIES, ...spelled]]) await askBoth(port, `${way}/x`, lines(lies))
  }
  assert.equal(backend.targets().length, 12)
  assert.doesNotMatch(backend.wire().replace(/^via: 1\.1 evil, .*$/gim, ''), /evil|6\.6\.6\.6|666/i)
  assert.equal(backend.wire().match(/^x-forwarded-for: 127\.0\.0\.1\r$/gim)?.length, 12)
  assert.equal(backend.wire().match(/^x-forwarded-proto: http\r$/gim)?.length, 12)
})

test("names that a CGI or WSGI backend cannot tell from the gateway's own are removed", async (t) => {
  const backend = await startRecorder(t)
  const { port } = await startWays(t, backend.url, { identityHeaders: { 'x-user': 'sub' } })
  for (const name of SPOOFED) {
    await t.test(name, async () => {
      for (const way of WAYS) await askBoth(port, `${way}/x`, `${name}: evil\r\n`)
      const cgi = (header: string): string => header.toUpperCase().replaceAll('-', '_')
      for (const { rawHeaders } of backend.received.splice(0)) {
        assert.ok(
          !rawHeaders.some((value, i) => i % 2 === 0 && cgi(value) === cgi(name) && rawHeaders[i + 1] === 'evil'),
        )
      }
    })
  }
})

test('who the consumer is, only the gateway says', async (t) => {
  const backend = await startRecorder(t)
  const { app, port } = await startGateway(
    t,
    {
      'a.json': {
        name: 'a',
        targets: [backend.url],
        auth: { jwt: {} },
        identityHeaders: { 'X-User': 'sub', 'x-scopes': 'scope', 'x-name': 'name' },
        passThrough: { auth: 'none', websocket: true },
        routes: [{ method: 'GET', url: '/own', websocket: true }],
      },
    },
    { jwt: { secret: JWT_SECRET } },
  )
  const token = signToken(app.config.jwt!, { sub: 'me', scopes: ['a'] })
  const claims = `authorization: Bearer ${token}\r\n`
  const lies = 'x-user: root\r\nX-USER: root\r\nx-scopes: root\r\nX-Name: root\r\nconnection: x-user, x-scopes\r\n'
  for (const path of ['/own', '/open']) {
    await rawRequest(port, get(path, claims + lies))
    await rawRequest(port, get(path, lies))
  }
  assert.ok(!backend.wire().includes('root'))
  const own = backend.received.filter(({ url }) => url === '/own')
  assert.deepEqual(
    own.map(({ headers }) => headers['x-user']),
    ['me'],
  )
  assert.equal(own[0]!.headers.authorization, undefined, 'a verified token stays here')
})

// fixed in reply-from 12.6.2
test('Connection takes away what the client sent, never what the gateway adds', async (t) => {
  const backend = await startRecorder(t)
  const { port } = await startWays(t, backend.url, { requestHeaders: { set: { 'x-secret-of-gateway': 'yes' } } })
  const named = [
    'X-Forwarded-For',
    'x-forwarded-by',
    'x-forwarded-host',
    'X-Forwarded-Proto',
    'forwarded',
    'via',
    'x-request-id',
    'X-Secret-Of-Gateway',
    'host',
    'content-length',
    '__proto__',
    'constructor',
    '',
    ' ',
    '"x-forwarded-for"',
  ]
  for (const way of WAYS) {
    for (const connection of [
      named.join(','),
      named.join(' , '),
      ...named,
      `close, ${named.join(',')}`,
      `keep-alive, ${named.join(';')}`,
    ]) {
      assert.equal(
        (await rawRequest(port, get(`${way}/x`, `connection: ${connection}\r\nx-own: 1\r\n`))).status,
        200,
        connection,
      )
      const { headers } = backend.received.at(-1)!
      for (const name of [
        'x-forwarded-for',
        'x-forwarded-host',
        'x-forwarded-proto',
        'forwarded',
        'via',
        'x-request-id',
        'x-secret-of-gateway',
        'host',
        'x-own',
      ]) {
        assert.ok(headers[name], `${connection}: ${name}`)
      }
    }
    await rawRequest(
      port,
      get(
        `${way}/x`,
        'connection: x-one\r\nConnection: X-Two , x-three\r\nx-one: 1\r\nx-two: 1\r\nX-THREE: 1\r\nx-four: 1\r\nkeep-alive: 1\r\nproxy-connection: 1\r\nproxy-authorization: 1\r\nte: 1\r\ntrailer: 1\r\nupgrade: h2c\r\nhttp2-settings: 1\r\n',
      ),
    )
    const { headers } = backend.received.at(-1)!
    assert.deepEqual(
      [
        'x-one',
        'x-two',
        'x-three',
        'keep-alive',
        'proxy-connection',
        'proxy-authorization',
        'te',
        'trailer',
        'upgrade',
        'http2-settings',
      ].filter((name) => headers[name] !== undefined),
      [],
    )
    assert.equal(headers['x-four'], '1')
  }
})

test('Connection does not take away a header that a schema has checked', async (t) => {
  const backend = await startRecorder(t)
  const { port } = await startGateway(t, {
    'a.json': {
      name: 'a',
      auth: 'none',
      targets: [backend.url],
      routes: [
        {
          method: 'GET',
          url: '/x',
          schema: {
            headers: { type: 'object', required: ['x-tenant'], properties: { 'x-tenant': { enum: ['a', 'b'] } } },
          },
        },
      ],
    },
  })
  const { status } = await rawRequest(port, get('/x', 'x-tenant: a\r\nconnection: x-tenant\r\n'))
  assert.ok(status === 400 || backend.received[0]?.headers['x-tenant'] === 'a', 'checked and then lost')
  assert.equal((await rawRequest(port, get('/x', 'x-tenant: a\r\nx-tenant: evil\r\n'))).status, 400)
})

// CVE-2026-30827
test('one client is one client to a limit, however its address is written', async (t) => {
  const { url } = await startBackend(t)
  const { port } = await startGateway(
    t,
    {
      'a.json': { name: 'a', auth: 'none', targets: [url], rateLimit: { max: 1, window: '1 hour' }, passThrough: true },
    },
    { trustProxy: ['127.0.0.1'] },
  )
  const status = async (client: string) => (await rawRequest(port, get('/x', `x-forwarded-for: ${client}\r\n`))).status
  const same = [
    [
      '1.2.3.4',
      '::ffff:1.2.3.4',
      '::FFFF:1.2.3.4',
      '::ffff:102:304',
      '0:0:0:0:0:ffff:1.2.3.4',
      '0000:0000:0000:0000:0000:ffff:0102:0304',
    ],
    ['2001:db8:1:2::1', '2001:db8:1:2::2', '2001:DB8:1:2:ffff:ffff:ffff:ffff', '2001:0db8:0001:0002:0:0:0:9'],
    ['5.6.7.8', '5.6.7.8:1234', '5.6.7.8:4321'],
    ['[2001:db8:5::1]:80', '[2001:db8:5::1]:81', '2001:db8:5::1'],
  ]
  for (const [first, ...others] of same) {
    await t.test(first!, async () => {
      assert.equal(await status(first!), 200)
      for (const other of others) assert.equal(await status(other), 429, other)
    })
  }
  for (const other of ['1.2.3.5', '2001:db8:1:3::1', '::ffff:1.2.3.6']) assert.equal(await status(other), 200, other)
})

test('a stranger cannot choose the address that a limit counts', async (t) => {
  const { url } = await startBackend(t)
  const { port } = await startGateway(t, {
    'a.json': { name: 'a', auth: 'none', targets: [url], rateLimit: { max: 1, window: '1 hour' }, passThrough: true },
  })
  const statuses: number[] = []
  for (let i = 0; i < 4; i++) {
    statuses.push(
      (
        await rawRequest(
          port,
          get(
            '/x',
            `x-forwarded-for: 9.9.9.${i}\r\nforwarded: for=9.9.9.${i}\r\nx-real-ip: 9.9.9.${i}\r\ntrue-client-ip: 9.9.9.${i}\r\n`,
          ),
        )
      ).status,
    )
  }
  assert.deepEqual(statuses, [200, 429, 429, 429])
})

// traefik issue 13706
test('a limit that routes share is one limit, over methods, paths, spellings and upgrades', async (t) => {
  const backend = await startRecorder(t)
  const { port } = await startGateway(t, {
    'a.json': {
      name: 'a',
      auth: 'none',
      targets: [backend.url],
      rateLimit: { max: 3, window: '1 hour' },
      passThrough: { websocket: true },
      routes: [
        { method: ['GET', 'POST'], url: '/one', websocket: true },
        { method: 'GET', url: '/two/:id' },
      ],
    },
  })
  const asks = [
    get('/one'),
    'POST /one HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n',
    get('/two/1'),
    get('/two/2'),
    get('/%6fne'),
    get('//one'),
    get('/else'),
    ...['/one', '/else'].map((path) => get(path, 'connection: upgrade\r\nupgrade: websocket\r\n')),
  ]
  const statuses: number[] = []
  for (const ask of asks) statuses.push((await rawRequest(port, ask)).status)
  assert.deepEqual(statuses, [200, 200, 200, 429, 429, 429, 429, 429, 429])
  assert.equal(backend.targets().length, 3)
})
