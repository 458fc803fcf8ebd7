import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import { hashPassword } from '../../src/auth/basic/password-hash.ts'
import { signToken } from '../../src/auth/jwt/dev-token.ts'
import type { ConfigInput } from '../../src/config/config-schema.ts'
import { Authority, hasOpenssl } from '../auth/client-certificate/authority.ts'
import { get, startRecorder, UPGRADE } from '../security/wire.ts'
import { startBackend } from '../support/backend.ts'
import { JWT_SECRET, startGateway } from '../support/gateway.ts'
import { rawRequest } from '../support/raw-client.ts'

const token = signToken({ secret: JWT_SECRET } as never, { sub: 'ada', scopes: [], expiresIn: '1h' })
const COOKIE = { cookie: `a=b; session=${token}` }

async function start(t: TestContext, more: object = {}) {
  const backend = await startBackend(t)
  const { url } = await startGateway(
    t,
    {
      'a.json': {
        name: 'a',
        auth: { jwt: {} },
        targets: [backend.url],
        routes: [
          { method: ['GET', 'POST'], url: '/x' },
          { method: 'POST', url: '/free', csrf: false },
        ],
        ...more,
      },
    },
    { jwt: { secret: JWT_SECRET, token: { cookie: 'session' } } },
  )
  return async (path: string, headers: Record<string, string>, method = 'POST') =>
    (await fetch(url + path, { method, headers })).status
}

test('a page of another origin changes nothing in the name of whoever a cookie signs in', async (t) => {
  const ask = await start(t)
  const evil = { origin: 'https://evil.example' }
  for (const headers of [
    { 'sec-fetch-site': 'cross-site', ...evil },
    { 'sec-fetch-site': 'same-site', origin: 'https://other.example' },
    { 'sec-fetch-site': 'cross-site' },
    evil,
    { origin: 'null' },
  ] as Record<string, string>[]) {
    assert.equal(await ask('/x', { ...COOKIE, ...headers }), 403, JSON.stringify(headers))
    assert.equal(await ask('/x', { ...COOKIE, ...headers }, 'GET'), 200, 'reading changes nothing')
    assert.equal(await ask('/free', { ...COOKIE, ...headers }), 200)
    assert.equal(
      await ask('/x', { authorization: `Bearer ${token}`, ...headers }),
      200,
      'nobody can be lured into sending a header',
    )
  }
  for (const headers of [{ 'sec-fetch-site': 'same-origin' }, { 'sec-fetch-site': 'none' }, {}] as Record<
    string,
    string
  >[]) {
    assert.equal(await ask('/x', { ...COOKIE, ...headers }), 200, JSON.stringify(headers))
  }
})

test('the own origin, trusted ones, and those that cors allows with credentials may', async (t) => {
  const ask = await start(t, {
    csrf: { trustedOrigins: ['https://partner.example'] },
    cors: { origins: ['https://app.example'], credentials: true },
  })
  for (const origin of ['https://partner.example', 'https://app.example']) {
    assert.equal(await ask('/x', { ...COOKIE, origin }), 200)
    assert.equal(await ask('/x', { ...COOKIE, origin, 'sec-fetch-site': 'cross-site' }), 200)
  }
  assert.equal(await ask('/x', { ...COOKIE, origin: 'https://evil.example' }), 403)
})

test('an old browser that tells its origin alone is held against the own host', async (t) => {
  const backend = await startBackend(t)
  const { url, port } = await startGateway(
    t,
    { 'a.json': { name: 'a', auth: { jwt: {} }, targets: [backend.url], routes: [{ method: 'POST', url: '/x' }] } },
    { jwt: { secret: JWT_SECRET, token: { cookie: 'session' } } },
  )
  const ask = async (origin: string) =>
    (await fetch(`${url}/x`, { method: 'POST', headers: { ...COOKIE, origin } })).status
  assert.equal(await ask(url), 200)
  for (const origin of [`https://127.0.0.1:${port}`, 'http://127.0.0.1', `http://127.0.0.1:${port}.evil.example`]) {
    assert.equal(await ask(origin), 403, origin)
  }
})

test(
  'a page of another origin opens no WebSocket with credentials that the browser adds by itself',
  { skip: !hasOpenssl && process.env.CI !== 'true' },
  async (t) => {
    const backend = await startRecorder(t)
    const service = await startBackend(t, ({ headers }, response) =>
      response.writeHead(headers.cookie === 'sso=ada' ? 200 : 401, { 'remote-user': 'ada' }).end(),
    )
    const basic = { authorization: `Basic ${Buffer.from('ada:secret').toString('base64')}` }
    const upstream = (name: string, more: object) => ({
      [`${name}.json`]: { name, prefix: `/${name}`, targets: [backend.url], passThrough: true, ...more },
    })
    const { port } = await startGateway(
      t,
      {
        ...upstream('cookie', { auth: { jwt: {} } }),
        ...upstream('basic', { auth: { basic: {} } }),
        ...upstream('certificate', { auth: { clientCertificate: {} } }),
        ...upstream('forward', { auth: { forwardAuth: {} } }),
        ...upstream('list', { auth: [{ apiKey: {} }, { basic: {} }] }),
        ...upstream('maybe', { auth: { optional: { basic: {} } } }),
        ...upstream('trusting', { auth: { basic: {} }, csrf: { trustedOrigins: ['https://partner.example'] } }),
        ...upstream('free', { auth: { basic: {} }, csrf: false }),
        ...upstream('open', { auth: 'none' }),
      },
      {
        jwt: { secret: JWT_SECRET, token: { cookie: 'session' } },
        basic: { users: [{ name: 'ada', password: await hashPassword('secret') }] },
        apiKeys: { keys: [{ name: 'ada', sha256: '0'.repeat(64) }] },
        forwardAuth: { url: `${service.url}/verify` },
        clientCertificates: { fromProxy: true, consumers: [{ name: 'ada', subject: { CN: 'ada' } }] },
        trustProxy: ['127.0.0.1'],
      } as ConfigInput,
    )
    const open = async (path: string, headers: Record<string, string>): Promise<number> =>
      (
        await rawRequest(
          port,
          get(
            path,
            `${UPGRADE}${Object.entries(headers)
              .map(([name, value]) => `${name}: ${value}\r\n`)
              .join('')}`,
          ),
        )
      ).status
    const certificate = {
      'client-cert': `:${new X509Certificate(new Authority(t).sign('/CN=ada').cert).raw.toString('base64')}:`,
    }
    const credentials = {
      cookie: COOKIE,
      basic,
      certificate,
      forward: { cookie: 'sso=ada' },
      list: basic,
      maybe: basic,
      trusting: basic,
    } as Record<string, Record<string, string>>
    for (const [name, sent] of Object.entries(credentials)) {
      for (const from of [
        { origin: 'https://evil.example' },
        { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' },
        { origin: 'null' },
        { origin: 'http://other.x', 'sec-fetch-site': 'same-site' },
      ] as Record<string, string>[]) {
        assert.equal(await open(`/${name}/socket`, { ...sent, ...from }), 403, `${name} from ${JSON.stringify(from)}`)
      }
      for (const from of [
        {},
        { origin: 'http://x' },
        { origin: 'https://page.example', 'sec-fetch-site': 'same-origin' },
      ] as Record<string, string>[]) {
        assert.equal(await open(`/${name}/socket`, { ...sent, ...from }), 101, `${name} from ${JSON.stringify(from)}`)
      }
    }
    const partner = { origin: 'https://partner.example', 'sec-fetch-site': 'cross-site' }
    assert.equal(await open('/trusting/socket', { ...basic, ...partner }), 101)
    for (const name of ['free', 'open']) {
      assert.equal(await open(`/${name}/socket`, { ...basic, ...partner }), 101, name)
    }
  },
)
