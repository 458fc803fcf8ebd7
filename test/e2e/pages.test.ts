import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ConfigInput } from '../../src/config/config-schema.ts'
import { JWT_SECRET, startGateway } from '../support/gateway.ts'
import { noBrowser, suiteBrowser, watchedPage } from './browser.ts'
import { contrastOf } from './colour-contrast.ts'

const VIEWS = [
  ['desktop', { width: 1280, height: 800 }, 'light'],
  ['phone', { width: 390, height: 844 }, 'light'],
  ['dark', { width: 1280, height: 800 }, 'dark'],
  ['dark-phone', { width: 390, height: 844 }, 'dark'],
] as const

const config = {
  welcome: {},
  status: { auth: 'none' },
  metrics: { auth: { jwt: {} } },
  jwt: { secret: JWT_SECRET },
  // as strict as an operator may be: the pages bring what they need
  securityHeaders: { contentSecurityPolicy: { 'default-src': ["'none'"] }, frameOptions: 'DENY' },
} as ConfigInput
const files = {
  'a.json': {
    name: 'a',
    prefix: '/a',
    auth: 'none',
    targets: ['http://127.0.0.1:9'],
    routes: [
      {
        method: 'GET',
        url: '/search',
        schema: {
          querystring: {
            type: 'object',
            properties: {
              limit: { type: 'integer', maximum: 100 },
              from: { type: 'string', format: 'date' },
              sort: { enum: ['age', 'price'] },
            },
            additionalProperties: false,
          },
        },
      },
    ],
  },
}

describe('the pages of the gateway in a browser', { skip: noBrowser }, () => {
  const suite = suiteBrowser()

  test('welcome and problem pages are readable everywhere, and load nothing', async (t) => {
    const { url } = await startGateway(t, files, config)
    for (const [device, viewport, colorScheme] of VIEWS) {
      const { page, foreign, errors } = await watchedPage(suite.browser, url, viewport)
      t.after(() => page.close())
      await page.emulateMedia({ colorScheme })
      const requests: string[] = []
      page.on('request', (request) =>
        requests.push(new URL(request.url()).protocol === 'data:' ? 'data:' : request.url()),
      )
      for (const [name, path, heading] of [
        ['welcome', '/', 'The gateway is running'],
        ['not-found', `/nowhere/${'long'.repeat(60)}`, 'No such route'],
        [
          'validation',
          '/a/search?limit=1000&from=yesterday&sort=%3Cscript%3E&else=1',
          'Request does not match the schema',
        ],
      ] as const) {
        requests.length = 0
        await page.goto(url + path)
        assert.equal(await page.locator('h1').innerText(), heading)
        assert.ok(
          await page.evaluate('document.documentElement.scrollWidth <= innerWidth'),
          `${name} on ${device}: nothing sticks out at the side`,
        )
        // the style applies: a policy that named another one would leave the page bare
        assert.equal(await page.evaluate('getComputedStyle(document.querySelector("main")).borderRadius'), '12px')
        for (const text of await page.locator('main *').all()) {
          assert.ok((await contrastOf(text)) >= 4.5, `${name} on ${device}: text can be read`)
        }
        assert.deepEqual(
          requests.filter((request) => request !== 'data:'),
          [url + path],
          'no icon, no style sheet, no script',
        )
        await page.screenshot({ path: suite.picture(`${name}-${device}`) })
      }
      // that the page itself was a 404 or 400 is what was asked for
      assert.deepEqual(
        { foreign, errors: errors.filter((error) => !/status of 40[04]/.test(error)) },
        { foreign: [], errors: [] },
      )
    }
  })

  test('the links of the welcome page lead where they say', async (t) => {
    const { url } = await startGateway(t, files, config)
    const { page } = await watchedPage(suite.browser, url)
    t.after(() => page.close())
    for (const [name, path] of [
      ['Documentation', '/docs'],
      ['Status', '/status'],
      ['Drift', '/status/drift'],
      ['Metrics', '/metrics'],
    ] as const) {
      await page.goto(url)
      const [response] = await Promise.all([
        page.waitForResponse((answer) => new URL(answer.url()).pathname.startsWith(path)),
        page.getByRole('link', { name }).click(),
      ])
      assert.equal(response.status(), name === 'Metrics' ? 401 : 200)
    }
  })
})
