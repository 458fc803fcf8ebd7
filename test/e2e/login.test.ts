import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildApp } from '../../src/app.ts'
import { closedPort, startBackend } from '../support/backend.ts'
import { routesFolder, testConfig } from '../support/gateway.ts'
import { OpenIdProvider, signingKey } from '../support/openid-provider.ts'
import { launchBrowser, noBrowser } from './browser.ts'

test(
  'a person logs in at a real provider, through a rotation of its keys, and out again',
  { skip: noBrowser },
  async (t) => {
    const port = await closedPort()
    const url = `http://127.0.0.1:${port}`
    const keys = ['first', 'second'].map(signingKey)
    const client = {
      client_id: 'gateway',
      client_secret: 'secret',
      redirect_uris: [`${url}/.login/callback`],
      post_logout_redirect_uris: [`${url}/bye`],
    }
    const provider = await OpenIdProvider.start(t, [keys[0]!], [client])
    const { url: target } = await startBackend(t, (request, response) => {
      response
        .setHeader('content-type', 'text/html')
        .end(`<h1>${request.headers['x-user'] ?? 'nobody'} at ${request.url}</h1>`)
    })
    const app = await buildApp(
      testConfig(
        await routesFolder(t, {
          'home.json': {
            name: 'home',
            auth: { login: { groups: ['family'] } },
            targets: [target],
            identityHeaders: { 'x-user': 'name' },
            routes: [
              { method: 'GET', url: '/home' },
              { method: 'GET', url: '/bye', auth: 'none' },
            ],
          },
        }),
        {
          login: {
            issuer: provider.issuer,
            clientId: 'gateway',
            clientSecret: 'secret',
            sessionSecret: 'a secret for sessions of tests, long enough',
            afterLogout: '/bye',
          } as never,
        },
      ),
    )
    t.after(() => app.close())
    await app.listen({ port, host: '127.0.0.1' })
    const browser = await launchBrowser()
    t.after(() => browser.close())

    const login = async (): Promise<string> => {
      const page = await (await browser.newContext()).newPage()
      await page.goto(`${url}/home?day=1`)
      await page.fill('input[name=login]', 'ada')
      await page.fill('input[name=password]', 'x')
      await page.click('button[type=submit]')
      await page.click('button[type=submit]')
      await page.waitForURL(`${url}/home?day=1`)
      const said = await page.textContent('h1')
      assert.equal(await page.evaluate('document.cookie'), '', 'no script sees the session')
      await page.goto(`${url}/.login/logout`)
      await page.click('button[value=yes]')
      await page.waitForURL((to) => to.href.startsWith(`${url}/bye`))
      assert.equal(await page.textContent('h1').then((text) => text!.startsWith('nobody at /bye')), true)
      await page.goto(`${url}/home`)
      assert.ok(page.url().startsWith(provider.issuer), 'the session is over')
      return said!
    }
    assert.equal(await login(), 'ada of tests at /home?day=1')
    await provider.rotate([keys[1]!])
    assert.equal(await login(), 'ada of tests at /home?day=1')
  },
)
