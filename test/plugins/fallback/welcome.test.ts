import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, test, type TestContext } from 'node:test'
import { ConfigSchema, type ConfigInput } from '../../../src/config/config-schema.ts'
import { loadConfig } from '../../../src/config/load-config.ts'
import { withDefaults } from '../../../src/config/schema-check.ts'
import { startBackend } from '../../support/backend.ts'
import { JWT_SECRET, startGateway } from '../../support/gateway.ts'
import { rawRequest } from '../../support/raw-client.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const BROWSER = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' }
const jwt = { secret: JWT_SECRET }
const start = (t: TestContext, config: ConfigInput, files: Record<string, unknown> = {}) =>
  startGateway(t, files, { jwt, ...config })
const links = (page: string): string[] => [...page.matchAll(/<a href="([^"]*)"/g)].map(([, href]) => href!)

describe('the welcome page', () => {
  test('is off unless it is stated: a gateway does not advertise itself', async (t) => {
    assert.equal((withDefaults(ConfigSchema, {}) as { welcome: unknown }).welcome, false)
    const { url } = await start(t, {})
    assert.equal((await fetch(url, { headers: BROWSER })).status, 404)
  })

  test('leads to the pages that are on, and to no others', async (t) => {
    const { url } = await start(t, {
      welcome: {},
      status: { auth: 'none' },
      metrics: { path: '/m', auth: { jwt: {} } },
    } as ConfigInput)
    const response = await fetch(url, { headers: BROWSER })
    assert.equal(response.status, 200)
    assert.equal(response.headers.get('content-type'), 'text/html; charset=utf-8')
    const page = await response.text()
    assert.deepEqual(links(page), ['/docs', '/status', '/status/drift', '/m'])
    assert.match(page, /href="\/m">[^<]*<\/a><span>[^<]*needs credentials/)
    assert.doesNotMatch(page, /href="\/status">[^<]*<\/a><span>[^<]*needs credentials/)
    for (const link of ['/docs', '/status']) assert.equal((await fetch(url + link)).status, 200)

    const bare = await start(t, { welcome: {}, docs: false } as ConfigInput)
    const empty = await (await fetch(bare.url, { headers: BROWSER })).text()
    assert.deepEqual(links(empty), [])
    assert.match(empty, /No page of this gateway is switched on/)
  })

  test('loads nothing, runs nothing, and is not kept by caches', async (t) => {
    const { url } = await start(t, {
      welcome: {},
      securityHeaders: { contentSecurityPolicy: { 'default-src': ["'none'"] } },
    } as ConfigInput)
    const response = await fetch(url, { headers: BROWSER })
    const page = await response.text()
    const policy = response.headers.get('content-security-policy')!
    assert.match(policy, /^default-src 'none'; .*frame-ancestors 'none'$/)
    assert.ok(
      policy.includes(
        createHash('sha256')
          .update(/<style>([^<]*)<\/style>/.exec(page)![1]!)
          .digest('base64'),
      ),
    )
    assert.doesNotMatch(page, /<script|\son\w+=|style=|https?:|src=/i)
    assert.equal(response.headers.get('cache-control'), 'no-store')
    assert.equal(response.headers.get('x-content-type-options'), 'nosniff')
    assert.equal(response.headers.get('vary'), 'Accept')
  })

  test('is a list of links for clients that like JSON', async (t) => {
    const { url } = await start(t, { welcome: {}, metrics: { auth: 'none' } } as ConfigInput)
    const response = await fetch(url)
    assert.match(response.headers.get('content-type')!, /^application\/json/)
    assert.deepEqual(await response.json(), { documentation: '/docs', metrics: '/metrics' })
  })

  test('answers HEAD, and 405 to what changes something', async (t) => {
    const { url, port } = await start(t, { welcome: {} } as ConfigInput)
    const head = await rawRequest(port, 'HEAD / HTTP/1.1\r\nhost: x\r\naccept: text/html\r\nconnection: close\r\n\r\n')
    assert.deepEqual([head.status, head.headers['content-type'], head.body], [200, 'text/html; charset=utf-8', ''])
    const refused = await fetch(url, { method: 'POST' })
    assert.deepEqual([refused.status, refused.headers.get('allow')], [405, 'GET, HEAD'])
  })

  test('can be moved, and asks for what is stated', async (t) => {
    const { url } = await start(t, { welcome: { path: '/start', auth: { jwt: {} } } })
    assert.equal((await fetch(url)).status, 404)
    const refused = await fetch(`${url}/start`, { headers: BROWSER })
    assert.equal(refused.status, 401)
    assert.match(refused.headers.get('content-type')!, /^text\/html/)
  })

  test('gives way to an upstream', async (t) => {
    const backend = await startBackend(t)
    const declaration = { name: 'a', auth: 'none', targets: [backend.url] }
    for (const [what, upstream, own] of [
      ['a route', { routes: [{ method: 'GET', url: '/' }] }, true],
      ['a pass-through', { passThrough: true }, true],
      ['a wildcard', { routes: [{ method: 'GET', url: '/*' }] }, true],
      ['a route for another method', { routes: [{ method: 'POST', url: '/' }] }, false],
      ['a route elsewhere', { routes: [{ method: 'GET', url: '/x' }] }, false],
      ['a route of one host', { hosts: ['a.example'], routes: [{ method: 'GET', url: '/' }] }, false],
      [
        'a route with a condition',
        { routes: [{ method: 'GET', url: '/', match: { headers: { 'x-a': '1' } } }] },
        false,
      ],
    ] as const) {
      const before = backend.received.length
      const { url, port } = await start(t, { welcome: {} } as ConfigInput, {
        'a.json': { ...declaration, ...upstream },
      })
      const page = await fetch(url, { headers: BROWSER })
      assert.equal(page.status, 200, what)
      assert.equal(/<main>/.test(await page.text()), !own, what)
      assert.equal(backend.received.length - before, own ? 1 : 0, what)
      if ('hosts' in upstream) {
        await rawRequest(port, 'GET / HTTP/1.1\r\nhost: a.example\r\nconnection: close\r\n\r\n')
        assert.equal(backend.received.length - before, 1, what)
      }
    }
  })

  test('cannot be where the gateway has something else', async (t) => {
    const cwd = temporaryFolder(t)
    for (const path of ['/docs', '/docs/json', '/livez', '/status', '/metrics', '/cache/purge']) {
      const env = {
        GATEHOUSE_WELCOME_PATH: path,
        GATEHOUSE_STATUS_AUTH: 'none',
        GATEHOUSE_METRICS_AUTH: 'none',
        GATEHOUSE_CACHE_PURGE_AUTH: 'none',
      }
      await assert.rejects(
        loadConfig({ env, cwd }),
        /GATEHOUSE_WELCOME_PATH: found "[^"]+", where the gateway has/,
        path,
      )
    }
    const { welcome } = await loadConfig({ env: { GATEHOUSE_WELCOME_PATH: '/' }, cwd })
    assert.deepEqual(welcome, { path: '/', auth: 'none' })
  })
})
