import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startBackend } from '../support/backend.ts'
import { JWT_SECRET, startGateway } from '../support/gateway.ts'
import { rawRequest } from '../support/raw-client.ts'
import { ELSEWHERE, ESCAPES, HARMLESS } from './corpus.ts'
import { askBoth, get, startRecorder, startWays, WAYS } from './wire.ts'

// GHSA-2q7r-29rg-6m5h, GHSA-qmw8-3v4g-gwj4, GHSA-c4qr-gmr9-v23w
test('a dot segment in any spelling is refused before the base path of the target is joined', async (t) => {
  const backend = await startRecorder(t)
  const { port } = await startWays(t, `${backend.url}/base`, { stripPrefix: true })
  for (const way of WAYS) {
    for (const escape of ESCAPES) {
      for (const { status } of await askBoth(port, way + escape)) assert.equal(status, 400, way + escape)
    }
  }
  assert.deepEqual(backend.targets(), [])
})

test('what only looks like an escape arrives as it was sent', async (t) => {
  const backend = await startRecorder(t)
  const { port } = await startWays(t, `${backend.url}/base`, { stripPrefix: true })
  for (const way of WAYS) {
    for (const path of HARMLESS) {
      for (const { status } of await askBoth(port, way + path)) {
        assert.ok(status === 200 || status === 101, `${way + path}: ${status}`)
      }
      assert.deepEqual(backend.targets().splice(0), [`GET /base${path}`, `UPGRADE /base${path}`])
    }
  }
})

test('a target that names another origin or only begins like a prefix goes nowhere, upgrades included', async (t) => {
  const backend = await startRecorder(t)
  const { port } = await startWays(t, backend.url)
  for (const target of ELSEWHERE) {
    for (const { status } of await askBoth(port, target)) {
      assert.ok(status === 400 || status === 404, `${target}: ${status}`)
    }
  }
  assert.deepEqual(backend.targets(), [])
})

// GHSA-v574-6498-x57v: `:3100` with `1/private` is not `:31001` with `/private`
test('target and path are never glued together, so no path reaches the neighbour of a target', async (t) => {
  const [first, second] = [await startRecorder(t), await startRecorder(t)]
  const file = (name: string, target: string) => ({
    name,
    prefix: `/${name}`,
    stripPrefix: true,
    auth: 'none',
    targets: [target],
    passThrough: true,
    routes: [{ method: 'GET', url: '/r/*' }],
  })
  const { port } = await startGateway(t, {
    'a.json': file('a', `${first.url}/1`),
    'b.json': file('b', second.url),
    'c.json': file('c', `${first.url}/1/2/`),
  })
  for (let round = 0; round < 2; round++) {
    for (const path of [
      '/private',
      '/1/private',
      '/r/1/private',
      '/2',
      '/r/2',
      '',
      '/',
      '?1=/2',
      `/r/:${second.port}`,
      `/@127.0.0.1:${second.port}/x`,
    ]) {
      const rest = path.startsWith('/') ? path : `/${path}`
      for (const [name, base, own, other] of [
        ['a', '/1', first, second],
        ['b', '', second, first],
        ['c', '/1/2', first, second],
      ] as const) {
        assert.equal((await rawRequest(port, get(`/${name}${path}`))).status, 200, name + path)
        assert.deepEqual(own.targets().splice(0), [`GET ${base}${rest}`])
        assert.deepEqual(other.targets(), [])
      }
    }
  }
})

// CVE-2026-6414, CVE-2026-6321: a separator that is decoded after routing is a path that was never checked
const REWRITTEN: [string, string[]][] = [
  ['/old/a/b', ['GET /v2/a/b']],
  ['/old/caf%C3%A9%20x', ['GET /v2/caf%C3%A9%20x']],
  ['/old/a%3Fb', ['GET /v2/a%3Fb']],
  ['/old/%252e%252e/x', ['GET /v2/%252e%252e/x']],
  ['/old/a%2Fb', ['GET /v2/a%2Fb']],
  ['/old/%2Fx', ['GET /v2/%2Fx']],
  ['/old/x%3By=1', ['GET /v2/x%3By=1']],
  ['/old/a%5Cb', ['GET /v2/a%5Cb']],
  ['/one/a%2Fb', ['GET /v3/a%2Fb/end']],
  ['/one/x%3By', ['GET /v3/x%3By/end']],
]
test('a rewritten path keeps encoded separators encoded', async (t) => {
  const backend = await startRecorder(t)
  const { port } = await startGateway(t, {
    'a.json': {
      name: 'a',
      auth: 'none',
      targets: [backend.url],
      routes: [
        { method: 'GET', url: '/old/*', rewritePath: '/v2/*' },
        { method: 'GET', url: '/one/:id', rewritePath: '/v3/:id/end' },
      ],
    },
  })
  for (const [path, expected] of REWRITTEN) {
    await t.test(path, async () => {
      const { status } = await rawRequest(port, get(path))
      const arrived = backend.targets().splice(0)
      // refusing is as safe as keeping
      if (status !== 400) assert.deepEqual(arrived, expected)
      else assert.deepEqual(arrived, [])
    })
  }
})

test('a redirect stays on the site that its route names', async (t) => {
  const { url } = await startBackend(t)
  const { port } = await startGateway(t, {
    'a.json': {
      name: 'a',
      auth: 'none',
      targets: [url],
      routes: [
        { method: 'GET', url: '/go/*', redirect: { to: '/*' } },
        { method: 'GET', url: '/by/:id', redirect: { to: '/:id' } },
        { method: 'GET', url: '/site/*', redirect: { to: 'https://site.test/*' } },
      ],
    },
  })
  const at = (path: string) => rawRequest(port, get(path))
  for (const rest of [
    'x',
    '%2Fevil.test',
    '%2F%2Fevil.test',
    '%5Cevil.test',
    '%2F%5Cevil.test',
    'http:%2F%2Fevil.test',
    '@evil.test',
    '%40evil.test',
    '%0d%0aset-cookie:%20a=b',
    'x%0aset-cookie:a=b',
    '%09%2Fevil.test',
  ]) {
    for (const way of ['/go/', '/by/', '/site/']) {
      await t.test(way + rest, async () => {
        const { status, headers, text } = await at(way + rest)
        assert.doesNotMatch(text, /^set-cookie/im)
        if (status === 400) return
        assert.equal(status, 308)
        const base = way === '/site/' ? 'https://site.test' : 'https://gateway.test'
        assert.equal(new URL(headers.location!, 'https://gateway.test').origin, base, `${headers.location}`)
      })
    }
  }
})

test('a parameter is never empty, so a collection has the rules of no item', async (t) => {
  const backend = await startRecorder(t)
  const { port } = await startGateway(
    t,
    {
      'a.json': {
        name: 'a',
        prefix: '/a',
        auth: { jwt: {} },
        targets: [backend.url],
        routes: [
          { method: 'GET', url: '/' },
          { method: ['GET', 'DELETE'], url: '/:id', auth: 'none' },
          { method: 'GET', url: '/:id/x/:other', auth: 'none' },
          { method: 'GET', url: '/all/*', auth: 'none' },
        ],
      },
    },
    { jwt: { secret: JWT_SECRET } },
  )
  for (const path of ['/a/', '/a/?x=/y', '/a//x/1', '/a/1/x/', '/a//', '/A/']) {
    for (const method of ['GET', 'DELETE', 'HEAD']) {
      const { status } = await rawRequest(
        port,
        `${method} ${path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n`,
      ).catch(() => ({ status: 404 }))
      assert.ok([401, 404, 405].includes(status), `${method} ${path}: ${status}`)
    }
  }
  assert.deepEqual(backend.targets(), [])
  for (const path of ['/a/1', '/a/1/x/2', '/a/all/', '/a/all/1/']) {
    assert.equal((await rawRequest(port, get(path))).status, 200, path)
  }
})
