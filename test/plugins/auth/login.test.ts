import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { buildApp } from '../../../src/app.ts'
import { closedPort, startBackend } from '../../support/backend.ts'
import { ask, CookieBrowser } from '../../support/cookie-browser.ts'
import { eventually } from '../../support/eventually.ts'
import { routesFolder, testConfig } from '../../support/gateway.ts'
import { OpenIdProvider, signingKey } from '../../support/openid-provider.ts'

const SESSION_SECRET = 'a secret for sessions of tests, long enough'
const CLIENT = { client_id: 'gateway', client_secret: 'secret-of-the-gateway' }

/**
 * A gateway with a page behind a login, and the provider; the gateway's address must be known to the provider
 * beforehand.
 */
async function start(t: TestContext, login: object = {}, client: object = {}) {
  const port = await closedPort()
  const url = `http://127.0.0.1:${port}`
  const provider = await OpenIdProvider.start(
    t,
    [signingKey('first')],
    [
      {
        ...CLIENT,
        redirect_uris: [`${url}/.login/callback`],
        post_logout_redirect_uris: [`${url}/bye`],
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        ...client,
      },
    ],
  )
  const backend = await startBackend(t)
  const app = await buildApp(
    testConfig(
      await routesFolder(t, {
        'home.json': {
          name: 'home',
          auth: { login: {} },
          targets: [backend.url],
          identityHeaders: { 'x-user': 'sub', 'x-name': 'name' },
          routes: [
            { method: ['GET', 'POST'], url: '/home' },
            { method: 'GET', url: '/family', auth: { login: { groups: ['family'] } } },
            { method: 'GET', url: '/either', auth: [{ login: {} }, { jwt: {} }] },
            { method: 'GET', url: '/bye', auth: 'none' },
            { method: 'GET', url: '/live', websocket: true },
          ],
        },
      }),
      {
        jwt: { secret: 'a secret for tests, long enough for HS256' },
        login: {
          issuer: provider.issuer,
          clientId: CLIENT.client_id,
          clientSecret: CLIENT.client_secret,
          sessionSecret: SESSION_SECRET,
          afterLogout: '/bye',
          ...login,
        } as never,
      },
    ),
  )
  t.after(() => app.close())
  await app.listen({ port, host: '127.0.0.1' })
  return { app, url, provider, backend }
}

test('a browser is sent to the provider and comes back to the page; the upstream learns who, and never sees a cookie of ours', async (t) => {
  const { url, backend } = await start(t)
  const ada = new CookieBrowser('ada')
  const page = await ada.open(`${url}/home?x=1&y=%2F`)
  assert.deepEqual([page.status, page.url], [200, `${url}/home?x=1&y=%2F`])
  const { headers } = backend.received.at(-1)!
  assert.deepEqual([headers['x-user'], headers['x-name'], headers.cookie], ['ada', 'ada of tests', undefined])
  assert.equal((await ada.send(`${url}/family`)).status, 200)
  assert.equal((await ada.send(`${url}/home`, { method: 'POST' })).status, 200)
  assert.equal(
    (await ada.send(`${url}/home`, { method: 'POST', headers: { origin: 'https://evil.example' } })).status,
    403,
    'forged',
  )

  // the browser sends its session there too, and the service behind it could use it on the paths behind the login
  assert.equal((await ada.send(`${url}/bye`)).status, 200)
  assert.equal(backend.received.at(-1)!.url, '/bye')
  assert.equal(backend.received.at(-1)!.headers.cookie, undefined)

  const eve = new CookieBrowser('eve')
  assert.equal((await eve.open(`${url}/home`)).status, 200)
  assert.equal((await eve.send(`${url}/family`)).status, 403)
})

test('what is no page is told so, and other credentials go their way', async (t) => {
  const { url } = await start(t)
  const status = async (path: string, asked: Parameters<typeof ask>[1] = {}) => (await ask(url + path, asked)).status
  assert.equal(await status('/home'), 401)
  assert.equal(await status('/home', { method: 'POST', headers: { accept: 'text/html' } }), 401)
  assert.equal(await status('/home', { headers: { accept: 'text/html', 'sec-fetch-mode': 'cors' } }), 401)
  assert.equal(await status('/home', { headers: { accept: '*/*', 'sec-fetch-mode': 'navigate' } }), 302)
  assert.equal(
    await status('/either', { headers: { authorization: 'Bearer a.b.c', accept: 'text/html' } }),
    401,
    'what is presented decides',
  )
  assert.equal(await status('/either', { headers: { accept: 'text/html' } }), 302)
})

test('sessions that were changed, sealed otherwise or borrowed in part are none', async (t) => {
  const { url } = await start(t)
  const ada = new CookieBrowser('ada')
  await ada.open(`${url}/home`)
  const session = ada.cookies(url).get('gatehouse-session')!
  const status = async (value: string) =>
    (await ask(`${url}/home`, { headers: { cookie: `gatehouse-session=${value}` } })).status
  assert.equal(await status(session), 200)
  for (const bad of [
    `${session.slice(0, -2)}AA`,
    session.slice(0, 50),
    `2${session.slice(1)}`,
    `9${session.slice(1)}`,
    '1',
    '',
    'x'.repeat(4000),
  ]) {
    assert.equal(await status(bad), 401, bad.slice(0, 20))
  }
})

test('a login ends in the browser that has begun it, once, and leads nowhere else', async (t) => {
  const { url, provider } = await start(t)
  const ada = new CookieBrowser('ada')
  const toProvider = await ada.send(`${url}//evil.example/home`)
  // no route there; the page of the login is always one of this origin
  assert.equal(toProvider.status, 404)
  const begun = await ada.send(`${url}/home`)
  const location = begun.headers.location!
  assert.ok(location.startsWith(`${provider.issuer}/auth?`), location)
  const parameters = new URL(location).searchParams
  assert.deepEqual(
    [parameters.get('response_type'), parameters.get('code_challenge_method'), parameters.get('redirect_uri')],
    ['code', 'S256', `${url}/.login/callback`],
  )
  assert.ok(parameters.get('nonce')!.length > 20 && parameters.get('state')!.length > 100)
  const returned = (state: string) => `${url}/.login/callback?code=stolen&state=${state}`
  const stranger = new CookieBrowser('eve')
  assert.equal((await stranger.send(returned(parameters.get('state')!))).status, 400, 'another browser')
  assert.equal((await ada.send(returned('nonsense'))).status, 400)
  assert.equal((await ada.send(`${url}/.login/callback`)).status, 400)
  assert.equal(
    (await ada.send(returned(parameters.get('state')!))).status,
    403,
    'a code that the provider has not given',
  )
  assert.equal(
    (await ada.send(`${url}/.login/callback?error=access_denied&state=${parameters.get('state')!}`)).status,
    403,
  )
})

test('tabs side by side log in each by itself', async (t) => {
  const { url } = await start(t)
  const ada = new CookieBrowser('ada')
  const first = (await ada.send(`${url}/home?tab=1`)).headers.location!
  const second = (await ada.send(`${url}/home?tab=2`)).headers.location!
  assert.equal((await ada.open(second)).url, `${url}/home?tab=2`)
  assert.equal((await ada.open(first)).url, `${url}/home?tab=1`)
})

test('logging out ends the session here and at the provider', async (t) => {
  const { url, provider } = await start(t)
  const ada = new CookieBrowser('ada')
  await ada.open(`${url}/home`)
  assert.equal((await ada.send(`${url}/.login/logout`, { headers: { 'sec-fetch-site': 'cross-site' } })).status, 403)
  const out = await ada.send(`${url}/.login/logout`, { method: 'POST' })
  const location = new URL(out.headers.location!)
  assert.deepEqual(
    [out.status, location.origin, location.searchParams.get('post_logout_redirect_uri')],
    [303, provider.issuer, `${url}/bye`],
  )
  assert.equal((await ada.send(`${url}/home`, { headers: { accept: '*/*' } })).status, 401)
  assert.deepEqual([...ada.cookies(url).keys()], [])
})

test('sessions outlive an outage of the provider', async (t) => {
  const { url, provider } = await start(t, {
    scopes: ['openid', 'profile', 'offline_access'],
    authorizationParameters: { prompt: 'consent' },
  })
  const ada = new CookieBrowser('ada')
  assert.equal((await ada.open(`${url}/home`)).status, 200)
  await provider.stop()
  assert.equal((await ada.send(`${url}/home`)).status, 200)
  const stranger = new CookieBrowser('eve')
  assert.equal(
    (await stranger.send(`${url}/home`)).status,
    302,
    'what is known of the provider is enough to send there',
  )
})

test('while the provider has never been reached, logins are answered 503', async (t) => {
  const { url, provider } = await start(t)
  await provider.stop()
  const ada = new CookieBrowser('ada')
  const refused = await ada.send(`${url}/home`)
  assert.deepEqual([refused.status, refused.headers['retry-after']], [503, '1'])
  await provider.start()
  await eventually('a login', async () => (await ada.open(`${url}/home`)).status === 200)
})
