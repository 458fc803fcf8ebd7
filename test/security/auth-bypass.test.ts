import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { test } from 'node:test'
import { JWT_SECRET, startGateway } from '../support/gateway.ts'
import { rawRequest } from '../support/raw-client.ts'
import { askBoth, get, startRecorder, UPGRADE } from './wire.ts'

const jwt = { secret: JWT_SECRET }
const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
function token(claims: object = {}, header: object = {}): string {
  const input = `${encode({ alg: 'HS256', ...header })}.${encode({ sub: 'me', exp: Math.floor(Date.now() / 1000) + 600, ...claims })}`
  return `${input}.${createHmac('sha256', JWT_SECRET).update(input).digest('base64url')}`
}
const bearer = (text: string): string => `authorization: Bearer ${text}\r\n`

/** What a backend that decodes once, merges slashes, drops parameters and trims would make of a target. */
function lenientReading(target: string): string {
  let path = target.split('?', 1)[0]!
  try {
    path = decodeURIComponent(path)
  } catch {}
  return new URL(
    path
      .replace(/\\/g, '/')
      .replace(/;[^/]*/g, '')
      .replace(/[\0-\x20]+$/, '')
      .replace(/\/{2,}/g, '/'),
    'http://x',
  ).pathname
}
const isAdmin = (target: string): boolean =>
  /^\/admin(?:\/|$)/.test(lenientReading(target.slice(target.indexOf(' ') + 1)))

const SPELLINGS = [
  '/admin',
  '/admin/',
  '/admin/x',
  '/admin?',
  '/admin?x',
  '/admin/x?y',
  '//admin',
  '///admin',
  '//admin//x',
  '/%61dmin',
  '/%61%64%6D%69%6e',
  '/adm%69n/x',
  '/./admin',
  '/x/../admin',
  '/%2e/admin',
  '/x/%2e%2e/admin',
  '/x/..%2fadmin',
  '/x/..%5cadmin',
  '/x/..\\admin',
  '\\admin',
  '/\\admin',
  '/admin\\x',
  '/admin;x',
  '/admin;x=y/z',
  '/;x/admin',
  '/admin/;x',
  '/admin%00',
  '/admin%00/x',
  '/admin\t',
  '/admin\x0b',
  '/admin\x7f',
  '/admin#x',
  '/admin/..;/x',
  '/..;/admin',
  'http://x/admin',
  'HTTP://X/admin',
  'http://x//admin/x',
  'http://x/%61dmin',
  `/admin/${'x'.repeat(5000)}`,
  '/admin/%ff',
  '/admin/%C0%AF',
  '/%C1%A1dmin',
]
// CVE-2026-2880, CVE-2026-33808, CVE-2026-22037
test('no spelling of a guarded path reaches the backend through the open pass-through beside it', async (t) => {
  const backend = await startRecorder(t)
  const { port } = await startGateway(
    t,
    {
      'a.json': {
        name: 'a',
        targets: [backend.url],
        auth: 'none',
        passThrough: { websocket: true },
        routes: ['/admin', '/admin/', '/admin/*'].map((url) => ({
          method: 'GET',
          url,
          auth: { jwt: {} },
          websocket: true,
        })),
      },
    },
    { jwt },
  )
  for (const path of SPELLINGS) {
    for (const { status } of [
      ...(await askBoth(port, path)),
      ...(await askBoth(
        port,
        path,
        'x-original-url: /open\r\nx-rewrite-url: /open\r\nx-http-method-override: POST\r\n',
      )),
    ]) {
      assert.ok([400, 401, 404, 414].includes(status), `${path}: ${status}`)
    }
    const head = await rawRequest(port, `HEAD ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`)
    assert.ok([400, 401, 404, 414].includes(head.status), `HEAD ${path}: ${head.status}`)
  }
  assert.deepEqual(backend.targets(), [])
  assert.equal((await rawRequest(port, get('/open'))).status, 200)
  assert.equal((await rawRequest(port, get('/admin/x', bearer(token())))).status, 200)
  assert.equal((await rawRequest(port, get('/admin', bearer(token()) + UPGRADE))).status, 101)
})

// CVE-2026-6414, CVE-2026-6321: most frameworks decode `%2F` before they route; many match `$` before a last newline
const DECODED_LATER = [
  '/admin%2Fsecret',
  '/admin%2fsecret',
  '/admin%2F',
  '/%2Fadmin',
  '/%2Fadmin%2Fsecret',
  '/x%2F%2Fy%2f..%2fadmin',
  '/admin%5Csecret',
  '/%5Cadmin',
  '/admin%0a',
  '/admin%0D%0A',
  '/admin%09',
  '/admin%3Bx',
  '/admin%3bx=y/secret',
]
test('no encoding that backends decode before they route hides a guarded path', async (t) => {
  const backend = await startRecorder(t)
  const { port } = await startGateway(
    t,
    {
      'a.json': {
        name: 'a',
        targets: [backend.url],
        auth: 'none',
        passThrough: { websocket: true },
        routes: ['/admin', '/admin/', '/admin/*'].map((url) => ({ method: 'GET', url, auth: { jwt: {} } })),
      },
    },
    { jwt },
  )
  for (const path of DECODED_LATER) {
    await t.test(path, async () => {
      await askBoth(port, path)
      assert.deepEqual(backend.targets().splice(0).filter(isAdmin), [])
    })
  }
})

test('an encoded separator in a parameter does not reach the guarded routes below it', async (t) => {
  const backend = await startRecorder(t)
  const { port } = await startGateway(
    t,
    {
      'a.json': {
        name: 'a',
        targets: [backend.url],
        auth: 'none',
        routes: [
          { method: 'GET', url: '/users/:id' },
          { method: 'GET', url: '/users/:id/secret', auth: { jwt: {} } },
        ],
      },
    },
    { jwt },
  )
  for (const path of ['/users/1%2Fsecret', '/users/1%2fsecret', '/users/1%5Csecret']) {
    await t.test(path, async () => {
      await rawRequest(port, get(path))
      assert.deepEqual(
        backend
          .targets()
          .splice(0)
          .map((target) => lenientReading(target.slice(4)))
          .filter((read) => read === '/users/1/secret'),
        [],
      )
    })
  }
})

test('a rewritten path does not reach what a guarded route is rewritten to', async (t) => {
  const backend = await startRecorder(t)
  const { port } = await startGateway(
    t,
    {
      'a.json': {
        name: 'a',
        targets: [backend.url],
        auth: 'none',
        routes: [
          { method: 'GET', url: '/old/*', rewritePath: '/v2/*' },
          { method: 'GET', url: '/old/admin/*', auth: { jwt: {} }, rewritePath: '/v2/admin/*' },
        ],
      },
    },
    { jwt },
  )
  for (const path of [
    '/old/admin/secret',
    '/old/admin%2Fsecret',
    '/old/admin%2fsecret',
    '/old/%61dmin%2Fsecret',
    '/old//admin/secret',
    '/old/%2Fadmin%2Fsecret',
    '/old/admin%3Bx/secret',
  ]) {
    await t.test(path, async () => {
      await rawRequest(port, get(path))
      assert.deepEqual(
        backend
          .targets()
          .splice(0)
          .filter((target) => /^GET \/v2\/+admin(?:;[^/]*)?\/secret/.test(target)),
        [],
      )
    })
  }
})

test('a guard that stands on a host holds for every spelling of that host', async (t) => {
  const backend = await startRecorder(t)
  const { port } = await startGateway(
    t,
    {
      'a.json': {
        name: 'a',
        hosts: ['api.test'],
        targets: [backend.url],
        auth: { jwt: {} },
        passThrough: { websocket: true },
      },
      'b.json': { name: 'b', targets: [backend.url], auth: 'none', routes: [{ method: 'GET', url: '/only-here' }] },
    },
    { jwt },
  )
  for (const host of ['api.test', 'API.test', 'Api.Test:80', 'api.test.', 'api.test.:443', 'api.test:0']) {
    for (const target of ['/x', '//x', '/%78', `http://${host}/x`, '/only-here', '/only%2Dhere']) {
      for (const { status } of await askBoth(port, target, '', host)) assert.equal(status, 401, `${host} ${target}`)
    }
  }
  assert.deepEqual(backend.targets(), [])
})

// CVE-2026-35039, CVE-2026-35042
test('a token that shares a part with one that was verified, or demands an unknown extension, is refused', async (t) => {
  const backend = await startRecorder(t)
  const { port } = await startGateway(
    t,
    {
      'a.json': {
        name: 'a',
        targets: [backend.url],
        auth: { jwt: { scopes: ['read'] } },
        passThrough: { websocket: true },
      },
    },
    { jwt },
  )
  const good = token({ scope: 'read' })
  const weak = token({ scope: 'none' })
  const [header, payload, signature] = good.split('.') as [string, string, string]
  for (let i = 0; i < 3; i++) assert.equal((await rawRequest(port, get('/x', bearer(good)))).status, 200)
  const arrived = backend.targets().splice(0).length
  assert.equal(arrived, 3)
  const flipped = signature.slice(0, 5) + (signature[5] === 'A' ? 'B' : 'A') + signature.slice(6)
  const refused = [
    `${header}.${payload}.${flipped}`,
    `${header}.${payload}.${signature.slice(0, -2)}`,
    `${header}.${payload}.`,
    `${header}.${encode({ sub: 'root', scope: 'read' })}.${signature}`,
    `${encode({ alg: 'none' })}.${payload}.${signature}`,
    `${encode({ alg: 'none' })}.${payload}.`,
    `${weak.split('.', 2).join('.')}.${signature}`,
    `${header}.${payload}.${weak.split('.')[2]}`,
    `${good}.`,
    `${good}=`,
    `${header}..${signature}`,
    token({ scope: 'read' }, { crit: ['exp'] }),
    token({ scope: 'read' }, { crit: [] }),
    token({ scope: 'read' }, { crit: ['b64'], b64: false }),
    token({ scope: 'read' }, { crit: null }),
  ]
  for (const text of refused) {
    for (const { status } of await askBoth(port, '/x', bearer(text))) assert.equal(status, 401, text)
  }
  for (const { status } of await askBoth(port, '/x', bearer(weak))) assert.equal(status, 403)
  for (const more of [
    `authorization: Bearer x.y.z\r\n${bearer(good)}`,
    `authorization : Bearer ${good}\r\n`,
    `authorization: Basic x\r\n${bearer(good)}`,
    `proxy-authorization: Bearer ${good}\r\n`,
    `cookie: token=${good}\r\n`,
  ]) {
    assert.ok([400, 401].includes((await rawRequest(port, get('/x', more))).status), more)
  }
  assert.ok([400, 401].includes((await rawRequest(port, get(`/x?access_token=${good}&token=${good}`))).status))
  assert.deepEqual(backend.targets(), [])
})
