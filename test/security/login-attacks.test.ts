import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { PendingLogins } from '../../src/auth/login/login-session.ts'
import { hashPassword } from '../../src/auth/basic/password-hash.ts'
import type { ConfigInput } from '../../src/config/config-schema.ts'
import { closedPort, startBackend } from '../support/backend.ts'
import { ask, CookieBrowser } from '../support/cookie-browser.ts'
import { OpenIdProvider, signingKey } from '../support/openid-provider.ts'
import { buildApp } from '../../src/app.ts'
import { routesFolder, startGateway, testConfig } from '../support/gateway.ts'
import { rawRequest } from '../support/raw-client.ts'

const SESSION_SECRET = 'a secret for sessions of tests, long enough'
const CLIENT = { client_id: 'gateway', client_secret: 'secret-of-the-gateway' }

/** A gateway with pages behind a login, and the provider. */
async function start(t: TestContext) {
  const port = await closedPort()
  const url = `http://127.0.0.1:${port}`
  const provider = await OpenIdProvider.start(
    t,
    [signingKey('first')],
    [
      {
        ...CLIENT,
        redirect_uris: [`${url}/.login/callback`],
        grant_types: ['authorization_code'],
        response_types: ['code'],
      },
    ],
  )
  const backend = await startBackend(t)
  const login = {
    issuer: provider.issuer,
    clientId: CLIENT.client_id,
    clientSecret: CLIENT.client_secret,
    sessionSecret: SESSION_SECRET,
  }
  const app = await buildApp(
    testConfig(
      await routesFolder(t, {
        'home.json': {
          name: 'home',
          auth: { login: {} },
          targets: [backend.url],
          routes: [{ method: 'GET', url: '/*' }],
        },
      }),
      { login } as ConfigInput,
    ),
  )
  t.after(() => app.close())
  await app.listen({ port, host: '127.0.0.1' })
  const pending = new PendingLogins(login)
  /** The page to which a login leads that this answer begins. */
  const pageOf = ({ headers }: { headers: Record<string, unknown> }): string => {
    const state = new URL(String(headers.location)).searchParams.get('state')!
    const [, browser] = /gatehouse-session-login=([\w-]+)/.exec(String(headers['set-cookie']))!
    return pending.resume(state, browser!)!.page
  }
  return { url, port, provider, pageOf }
}

test('a login leads back to this origin, however the page is written, and its redirect is stored nowhere', async (t) => {
  const { url, port, pageOf } = await start(t)
  for (const path of [
    '/home',
    '/home?next=https://evil.example/',
    '/%2F%2Fevil.example',
    '/home#@evil.example',
    '/@evil.example',
    '/.evil.example',
    '/home%0d%0aset-cookie:x=y',
    '/;//evil.example',
  ]) {
    const answer = await ask(url + path, { headers: { accept: 'text/html' } })
    if (answer.status !== 302) {
      assert.ok(answer.status >= 400 && answer.headers.location === undefined, `${path}: ${answer.status}`)
      continue
    }
    assert.equal(answer.headers['cache-control'], 'no-store')
    assert.equal(new URL(pageOf(answer)).origin, url, path)
  }
  for (const target of [
    '//evil.example/',
    '/\\evil.example/',
    'http://evil.example/home',
    `http://127.0.0.1:${port}//evil.example/`,
  ]) {
    const head = `GET ${target} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAccept: text/html\r\nConnection: close`
    const { text } = await rawRequest(port, `${head}\r\n\r\n`)
    const location = /^location: (.*)\r$/im.exec(text)?.[1]
    if (location === undefined) continue
    const browser = /^set-cookie: (.*)\r$/im.exec(text)?.[1]
    assert.equal(new URL(pageOf({ headers: { location, 'set-cookie': browser } })).origin, url, target)
  }
})

test('the way back from the issuer works once, and for the browser that has begun', async (t) => {
  const { url, provider } = await start(t)
  const ada = new CookieBrowser('ada')
  const page = await ada.open(`${url}/home`)
  assert.equal(page.status, 200)
  // the provider knows ada by now, so it sends her back at once
  const begun = await ada.send(`${url}/other`, { headers: { cookie: '' } })
  let answer = await ada.send(begun.headers.location!)
  while (answer.headers.location !== undefined && !answer.headers.location.startsWith(url)) {
    answer = await ada.send(new URL(answer.headers.location, provider.issuer).href)
  }
  const back = answer.headers.location!
  assert.ok(back.startsWith(`${url}/.login/callback?`), back)
  assert.equal((await new CookieBrowser('eve').send(back)).status, 400, 'in another browser')
  assert.equal((await ada.send(back)).status, 302)
  const again = await ada.send(back)
  assert.deepEqual([again.status, again.headers['set-cookie']], [403, undefined], 'a code works once')
  const state = new URL(back).searchParams.get('state')!
  for (const bad of [`${state}A`, state.slice(1), 'x'.repeat(10_000), '', `${state}&state=${state}`]) {
    assert.ok((await ada.send(`${url}/.login/callback?code=x&state=${bad}`)).status >= 400, bad.slice(0, 20))
  }
})

test('a flood of the way back keeps nobody behind the same address from logging in and out', async (t) => {
  const { url } = await start(t)
  const ada = new CookieBrowser('ada')
  await ada.open(`${url}/home`)
  const begun = await new CookieBrowser('bob').send(`${url}/home`)
  const statuses = await Promise.all(
    Array.from({ length: 70 }, async () => (await ask(`${url}/.login/callback?state=x`)).status),
  )
  assert.ok(statuses.includes(429))
  const state = new URL(begun.headers.location!).searchParams.get('state')!
  const [cookie] = begun.headers['set-cookie']![0]!.split(';')
  assert.equal(
    (await ask(`${url}/.login/callback?code=x&state=${state}`, { headers: { cookie: cookie! } })).status,
    403,
    'the code is looked at',
  )
  assert.notEqual((await ada.send(`${url}/.login/logout`)).status, 429)
  assert.equal((await ada.send(`${url}/home`, { headers: { accept: '*/*' } })).status, 401)
})

test('odd names and passwords are all answered alike', async (t) => {
  const backend = await startBackend(t)
  const { url } = await startGateway(
    t,
    { 'a.json': { name: 'a', targets: [backend.url], auth: { basic: {} }, routes: [{ method: 'GET', url: '/x' }] } },
    { failedAttempts: false, basic: { users: [{ name: 'ada', password: await hashPassword('right') }] } },
  )
  const encoded = (bytes: string | Buffer) => `Basic ${Buffer.from(bytes as string).toString('base64')}`
  const odd = [
    encoded('ada'),
    encoded(''),
    encoded(':'),
    encoded(':right'),
    encoded('ada:'),
    encoded('ada:right\0'),
    encoded('ada\0:right'),
    encoded('\u200bada:right'),
    encoded('ADA:right'),
    encoded('ada :right'),
    encoded(' ada:right'),
    encoded('\u0430da:right'),
    encoded(Buffer.from([0xff, 0xfe, 0x3a, 0x61])),
    encoded('__proto__:right'),
    encoded('constructor:x'),
    encoded(`${'a'.repeat(200)}:right`),
    encoded(`ada:${'x'.repeat(1000)}`),
    `Basic ${'A'.repeat(5000)}`,
    'Basic',
    'Basic ',
    'Basic !!!',
    `${encoded('ada:right')},`,
    `${encoded('ada:right')} x`,
  ]
  const answers = new Set<string>()
  for (const authorization of odd) {
    const { status, headers, body } = await ask(`${url}/x`, { headers: { authorization } })
    const { requestId, ...problem } = JSON.parse(body) as Record<string, unknown>
    answers.add(JSON.stringify([status, headers['www-authenticate'], problem]))
  }
  assert.equal(answers.size, 1, [...answers].join('\n'))
  assert.equal((await ask(`${url}/x`, { headers: { authorization: encoded('ada:right') } })).status, 200)
})
