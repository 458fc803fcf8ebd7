import assert from 'node:assert/strict'
import { createHash, createHmac } from 'node:crypto'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { test, type TestContext } from 'node:test'
import { signToken } from '../../src/auth/jwt/dev-token.ts'
import { startCached } from '../cache/cached-gateway.ts'
import { startBackend } from '../support/backend.ts'
import { JWT_SECRET } from '../support/gateway.ts'
import { SECRET, signedHeaders } from '../auth/http-signature/signer.ts'

type Headers = Record<string, string>

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
const jwt = { secret: JWT_SECRET, clockTolerance: 0, cacheSize: 100 }
const token = (scopes: string[], sub = 'ada'): string => signToken(jwt, { sub, scopes })
const ADMIN = token(['admin'])
const GUEST = token([])
const apiKeys = {
  keys: [
    { name: 'ada', sha256: sha256('admin-key'), scopes: ['admin'] },
    { name: 'ada', sha256: sha256('guest-key') },
  ],
}
const signatures = {
  keys: [
    { keyid: 'admin', consumer: 'ada', secret: SECRET, scopes: ['admin'] },
    { keyid: 'guest', consumer: 'ada', secret: `${SECRET}2` },
  ],
}

/** A service of forwardAuth that lets everybody in; what it says of them is the test's business. */
const saying =
  (headersOf: (request: IncomingMessage) => Headers): RequestListener =>
  (request, response) => {
    response.writeHead(200, headersOf(request)).end()
  }

/** Two clients that are one consumer by id, of whom the upstream or the gateway knows different things. */
interface Case {
  auth: unknown
  admin: Headers
  guest: Headers
  /** Parameters of the query, of which the upstream sees none or all. */
  query?: [admin: string, guest: string]
  upstream?: object
  config?: object
  service?: RequestListener
}

const role = saying(({ headers }) => ({ 'x-role': headers['x-api-key'] === 'admin' ? 'admin' : 'guest' }))
const named = saying(() => ({ 'remote-user': 'ada' }))
const forward = { forwardCredentials: true }
const identity = { identityHeaders: { 'x-user': 'sub' } }

const CASES: Record<string, Case> = {
  'tokens with other scopes, not forwarded': {
    auth: { jwt: {} },
    admin: { authorization: `Bearer ${ADMIN}` },
    guest: { authorization: `Bearer ${GUEST}` },
    upstream: identity,
  },
  'tokens in Authorization, forwarded': {
    auth: { jwt: {} },
    admin: { authorization: `Bearer ${ADMIN}` },
    guest: { authorization: `Bearer ${GUEST}` },
    upstream: forward,
  },
  'tokens in a header of their own, forwarded': {
    auth: { jwt: {} },
    admin: { 'x-token': ADMIN },
    guest: { 'x-token': GUEST },
    upstream: forward,
    config: { jwt: { ...jwt, token: { header: 'X-Token' } } },
  },
  'tokens in a cookie, forwarded': {
    auth: { jwt: {} },
    admin: { cookie: `t=${ADMIN}` },
    guest: { cookie: `t=${GUEST}` },
    upstream: { ...forward, cache: { cookies: 'share' } },
    config: { jwt: { ...jwt, token: { header: false, cookie: 't' } } },
  },
  'tokens in the query': {
    auth: { jwt: {} },
    admin: {},
    guest: {},
    query: [`t=${ADMIN}`, `t=${GUEST}`],
    config: { jwt: { ...jwt, token: { header: false, query: 't' } } },
  },
  'tokens in the query that the key leaves out, forwarded': {
    auth: { jwt: {} },
    admin: {},
    guest: {},
    query: [`t=${ADMIN}`, `t=${GUEST}`],
    upstream: { ...forward, cache: { key: { query: { deny: ['t'] } } } },
    config: { jwt: { ...jwt, token: { header: false, query: 't' } } },
  },
  'keys of one name': {
    auth: { apiKey: {} },
    admin: { 'x-api-key': 'admin-key' },
    guest: { 'x-api-key': 'guest-key' },
    upstream: identity,
  },
  'keys of one name, forwarded': {
    auth: { apiKey: {} },
    admin: { 'x-api-key': 'admin-key' },
    guest: { 'X-API-Key': 'guest-key' },
    upstream: forward,
  },
  'a token and a key of one name': {
    auth: [{ jwt: {} }, { apiKey: {} }],
    admin: { authorization: `Bearer ${GUEST}` },
    guest: { 'x-api-key': 'guest-key' },
    upstream: identity,
  },
  'a token with and without a key that goes on': {
    auth: [{ jwt: {} }, { apiKey: {} }],
    admin: { authorization: `Bearer ${GUEST}`, 'x-api-key': 'admin-key' },
    guest: { authorization: `Bearer ${GUEST}` },
    upstream: forward,
  },
  'the second of all': {
    auth: { all: [{ apiKey: {} }, { jwt: {} }] },
    admin: { 'x-api-key': 'guest-key', authorization: `Bearer ${ADMIN}` },
    guest: { 'x-api-key': 'guest-key', authorization: `Bearer ${GUEST}` },
    upstream: forward,
  },
  'where it is optional': {
    auth: { optional: [{ jwt: {} }, { apiKey: {} }] },
    admin: { 'x-token': ADMIN },
    guest: { 'x-token': GUEST },
    upstream: forward,
    config: { jwt: { ...jwt, token: { header: 'x-token' } } },
  },
  'a token that is not good, where it is optional': {
    auth: { optional: { jwt: {} } },
    admin: { 'x-token': `${ADMIN}x` },
    guest: {},
    upstream: forward,
    config: { jwt: { ...jwt, token: { header: 'x-token' } } },
  },
  'a service that names nobody': {
    auth: { forwardAuth: {} },
    admin: { 'x-api-key': 'admin' },
    guest: { 'x-api-key': 'guest' },
    service: saying(() => ({})),
  },
  'a service that names nobody, where it is optional': {
    auth: { optional: { forwardAuth: {} } },
    admin: { 'x-api-key': 'admin' },
    guest: {},
    service: saying(() => ({})),
  },
  'a service that states a role and no name': {
    auth: { forwardAuth: {} },
    admin: { 'x-api-key': 'admin' },
    guest: { 'x-api-key': 'guest' },
    service: role,
  },
  'a service that names one by two keys': {
    auth: { forwardAuth: {} },
    admin: { 'x-api-key': 'admin' },
    guest: { 'x-api-key': 'guest' },
    service: named,
  },
  'a service that names one by two tokens': {
    auth: { forwardAuth: {} },
    admin: { authorization: 'Bearer admin' },
    guest: { authorization: 'Bearer guest' },
    service: named,
  },
  'a service that names one by two cookies': {
    auth: { forwardAuth: {} },
    admin: { cookie: 'session=admin' },
    guest: { cookie: 'session=guest' },
    service: named,
    upstream: { cache: { cookies: 'share' } },
  },
  'a service beside a token': {
    auth: { all: [{ jwt: {} }, { forwardAuth: {} }] },
    admin: { authorization: `Bearer ${GUEST}`, 'x-api-key': 'admin' },
    guest: { authorization: `Bearer ${GUEST}`, 'x-api-key': 'guest' },
    service: role,
  },
}

async function start(
  t: TestContext,
  { auth, upstream = {}, config = {}, service }: Case,
  control: string,
  hold: (response: ServerResponse, answer: () => void) => void = (_response, answer) => answer(),
) {
  const external = service === undefined ? null : await startBackend(t, service)
  return startCached(
    t,
    (_request, response, count) =>
      hold(response, () =>
        response.writeHead(200, { 'cache-control': control, etag: `"${count}"` }).end(`answer ${count}`),
      ),
    true,
    { auth, ...upstream },
    {
      jwt,
      apiKeys,
      signatures,
      ...config,
      ...(external === null
        ? {}
        : {
            forwardAuth: {
              url: external.url,
              requestHeaders: ['authorization', 'cookie', 'x-api-key', 'accept'],
              copyHeaders: ['x-role'],
              identity: {},
              withhold: { headers: [] },
            },
          }),
    },
  )
}

const urls = ({ query }: Case, path: string): [string, string] =>
  query === undefined ? [path, path] : [`${path}?${query[0]}`, `${path}?${query[1]}`]

for (const [name, one] of Object.entries(CASES)) {
  test(`what an admin has been answered is no hit for a guest: ${name}`, async (t) => {
    const { ask } = await start(t, one, 'max-age=60, stale-while-revalidate=60')
    const [adminUrl, guestUrl] = urls(one, '/x')
    const admin = await ask(adminUrl, { headers: one.admin })
    assert.deepEqual([admin.status, admin.body], [200, 'answer 1'])
    assert.equal((await ask(guestUrl, { headers: one.guest })).body, 'answer 2')
    // what was answered without any credentials is for everybody (RFC 9111, section 3)
    if (Object.keys(one.guest).length > 0) {
      assert.notEqual((await ask(adminUrl, { headers: one.admin })).body, 'answer 2')
    }
  })

  test(`a guest does not wait for the answer to an admin: ${name}`, async (t) => {
    const waiting: (() => void)[] = []
    const { ask } = await start(t, one, 'max-age=60', (_response, answer) => {
      // both are asked about before either is answered, or the test hangs
      if (waiting.push(answer) === 2) for (const go of waiting) go()
    })
    const [adminUrl, guestUrl] = urls(one, '/x')
    const [admin, guest] = await Promise.all([
      ask(adminUrl, { headers: one.admin }),
      ask(guestUrl, { headers: one.guest }),
    ])
    assert.deepEqual([admin.body, guest.body].sort(), ['answer 1', 'answer 2'])
  })

  test(`what was revalidated for an admin in the background is no hit for a guest: ${name}`, async (t) => {
    const { ask, asked } = await start(t, one, 'max-age=0, stale-while-revalidate=600')
    const [adminUrl, guestUrl] = urls(one, '/x')
    const guest = (await ask(guestUrl, { headers: one.guest })).body
    for (let i = 0; i < 3; i++) await ask(adminUrl, { headers: one.admin })
    const before = asked()
    assert.ok(before >= 2, 'the admin has asked too')
    const again = (await ask(guestUrl, { headers: one.guest })).body
    assert.ok(again === guest || again === `answer ${asked()}`, `${again} was for the admin`)
  })
}

test('an answer that says that everybody may have it is shared also by those without a name', async (t) => {
  for (const control of ['public, max-age=60', 's-maxage=60', 'max-age=60, must-revalidate']) {
    const one = CASES['a service that names nobody']!
    const { ask, asked } = await start(t, one, control)
    for (const headers of [one.admin, one.guest, one.admin]) {
      assert.equal((await ask('/x', { headers })).body, 'answer 1', control)
    }
    assert.equal(asked(), 1)
  }
})

test('what varies by a header of forwardAuth is not stored for those without a name', async (t) => {
  const service = await startBackend(t, role)
  const { ask } = await startCached(
    t,
    ({ headers }, response) => {
      response.writeHead(200, { 'cache-control': 'public, max-age=60', vary: 'x-role' }).end(`for ${headers['x-role']}`)
    },
    true,
    { auth: { forwardAuth: {} } },
    {
      forwardAuth: { url: service.url, requestHeaders: ['x-api-key'], copyHeaders: ['x-role'] },
    },
  )
  for (const key of ['admin', 'guest', 'admin', 'guest']) {
    assert.equal((await ask('/x', { headers: { 'x-api-key': key } })).body, `for ${key}`)
  }
})

test('signed requests with keys of one consumer own their answers apart', async (t) => {
  const { ask, port } = await start(t, { auth: { signature: {} }, admin: {}, guest: {} }, 'max-age=60')
  const signed = (keyid: string, secret: string) =>
    signedHeaders({
      host: `127.0.0.1:${port}`,
      path: '/x',
      keyid,
      sign: (base) => createHmac('sha256', secret).update(base, 'latin1').digest(),
    })
  assert.equal((await ask('/x', { headers: signed('admin', SECRET) })).body, 'answer 1')
  assert.equal((await ask('/x', { headers: signed('guest', `${SECRET}2`) })).body, 'answer 2')
  assert.equal((await ask('/x', { headers: signed('admin', SECRET) })).body, 'answer 1')
})

test('a consumer keeps its hits when its token is renewed', async (t) => {
  const { ask } = await start(t, { auth: { jwt: {} }, admin: {}, guest: {} }, 'max-age=60')
  const renewed = (expiresIn: string) => ({
    authorization: `Bearer ${signToken(jwt, { sub: 'ada', scopes: ['a'], expiresIn } as never)}`,
  })
  assert.notEqual(renewed('1h').authorization, renewed('2h').authorization)
  for (const expiresIn of ['1h', '2h']) {
    assert.equal((await ask('/x', { headers: renewed(expiresIn) })).body, 'answer 1')
  }
})
