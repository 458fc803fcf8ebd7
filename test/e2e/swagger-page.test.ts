import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { after, before, describe, test, type TestContext } from 'node:test'
import type { BrowserContextOptions, Locator, Page } from 'playwright-core'
import { WebSocket } from 'ws'
import { noBrowser, PHONE, suiteBrowser, watchedPage } from './browser.ts'
import { contrastOf } from './colour-contrast.ts'
import { type DemoProcess, startDemo } from './demo-process.ts'
import { SwaggerUi } from './swagger-ui.ts'

const DARK: BrowserContextOptions = { colorScheme: 'dark' }
const READABLE = 4.5

describe('the pages of Swagger UI', { skip: noBrowser }, () => {
  const suite = suiteBrowser()
  let demo: DemoProcess
  const endings: (() => unknown)[] = []
  before(async () => {
    demo = await startDemo({
      after: (end: () => unknown) => {
        endings.push(end)
      },
    } as never)
  })
  after(async () => {
    await demo?.stop()
    for (const end of endings) await end()
  })

  async function open(
    t: TestContext,
    options?: BrowserContextOptions,
  ): Promise<{ page: Page; ui: SwaggerUi; errors: string[] }> {
    const { page, errors } = await watchedPage(suite.browser, demo.url, undefined, options)
    t.after(() => page.close())
    const ui = new SwaggerUi(page)
    await ui.open(demo.docs)
    return { page, ui, errors }
  }
  const picture = (what: Page | Locator, name: string) => what.screenshot({ path: suite.picture(name) })

  for (const [device, options] of Object.entries({ phone: PHONE, 'phone in the dark': { ...PHONE, ...DARK } })) {
    test(`a ${device} shows the page as wide as it is, whatever is open`, async (t) => {
      const { page, ui, errors } = await open(t, options)
      const fits = async (what: string) =>
        assert.deepEqual(await page.evaluate('[innerWidth, document.documentElement.scrollWidth]'), [390, 390], what)
      const isInside = async (what: Locator) => {
        const { x, width } = (await what.boundingBox())!
        assert.ok(x >= 0 && x + width <= 390, `${await what.innerText()}: from ${x}, ${width} wide`)
      }
      await fits('at first')
      await picture(page, `${device}-top`)
      const rows = page.locator('.opblock-summary')
      for (const row of await rows.all()) {
        for (const part of [
          '.opblock-summary-method',
          '.opblock-summary-path, .opblock-summary-path__deprecated',
          '.opblock-control-arrow',
        ]) {
          await isInside(row.locator(part))
        }
      }
      for (const operation of ['createOrder', 'streamTicks', 'openSocket', 'listOrders']) {
        const block = await ui.expand(operation)
        await block.locator('.gateway-errors summary').tap()
        await fits(operation)
        for (const part of await block.locator('.execute, .gateway-errors summary, .renderedMarkdown pre').all()) {
          await isInside(part)
        }
        await picture(block, `${device}-${operation}`)
      }
      await page.locator('.btn.authorize').first().tap()
      await isInside(page.locator('.dialog-ux input'))
      await fits('the dialog')
      await picture(page, `${device}-authorize`)
      await page.locator('.dialog-ux .btn-done').tap()
      await ui.choose('catalog')
      await fits('another document')
      assert.deepEqual(errors, [])
    })
  }

  test('the errors of the gateway are one line, which opens; each has an example of its own', async (t) => {
    const { ui } = await open(t)
    const block = await ui.expand('createOrder')
    const folded = block.locator('.gateway-errors')
    const codes = async (within: Locator) =>
      (await within.locator('tr.response .response-col_status').allInnerTexts()).map((text) => text.trim())
    const errors = ['400', '401', '403', '413', '415', '429', '502', '503', '504']
    assert.equal(await folded.locator('summary').innerText(), `Errors of the gateway (${errors.length})`)
    assert.equal(await folded.locator('.responses-table').isVisible(), false)
    assert.deepEqual(
      (await codes(block)).filter((code) => code !== ''),
      ['201'],
    )
    await picture(block, 'folded')

    await folded.locator('summary').click()
    assert.deepEqual(await codes(folded), errors)
    const seen = new Set<string>()
    for (const row of await folded.locator('tr.response').all()) {
      const status = (await row.locator('.response-col_status').innerText()).trim()
      const example = JSON.parse(
        await row.locator('.example .microlight, .highlight-code code, .highlight-code pre').first().innerText(),
      ) as Record<string, string>
      assert.equal(String(example.status), status)
      assert.match(example.code!, /^GW_/)
      assert.match(example.detail!, /\w/)
      seen.add(example.code!)
    }
    assert.equal(seen.size, errors.length, 'no two show the same')
    await picture(block, 'unfolded')
  })

  for (const [colours, options] of Object.entries({ light: {}, dark: DARK })) {
    test(`method and path of each operation can be read in ${colours} colours, deprecated ones too`, async (t) => {
      const { page, ui } = await open(t, options)
      const methods = new Set<string>()
      assert.notEqual(await page.locator('.opblock-deprecated').count(), 0)
      for (const block of await page.locator('.opblock').all()) {
        for (const part of ['.opblock-summary-method', '[data-path] a', '.opblock-summary-description']) {
          const text = block.locator(part).first()
          const contrast = await contrastOf(text)
          assert.ok(
            contrast >= READABLE,
            `${await block.locator('.opblock-summary').innerText()} ${part}: ${contrast.toFixed(2)}`,
          )
        }
        methods.add(await block.locator('.opblock-summary-method').innerText())
      }
      assert.ok(methods.size >= 4, 'of several methods')
      await picture(page, `top-${colours}`)
      await page.locator('.opblock-deprecated').first().scrollIntoViewIfNeeded()
      await picture(page.locator('.opblock-deprecated').first(), `deprecated-${colours}`)
      const stream = await ui.expand('streamTicks')
      await stream.locator('.gateway-errors summary').click()
      for (const part of ['.gateway-errors summary', '.renderedMarkdown pre code', '.headers td']) {
        assert.ok((await contrastOf(stream.locator(part).first())) >= READABLE, part)
      }
      await picture(stream, `stream-${colours}`)
    })
  }

  test('event streams and WebSockets have commands that work as they are', async (t) => {
    const { ui } = await open(t)
    const commandOf = async (operation: string) =>
      (await (await ui.expand(operation)).locator('.renderedMarkdown pre code').innerText()).trim()
    const curl = await commandOf('streamTicks')
    assert.equal(curl, `curl -N '${demo.url}/live/ticks'`)
    const child = spawn('sh', ['-c', `exec ${curl} --silent --max-time 60`], { stdio: ['ignore', 'pipe', 'ignore'] })
    t.after(() => child.kill())
    const [chunk] = (await once(child.stdout, 'data')) as [Buffer]
    assert.match(chunk.toString(), /^id: \d+\nevent: tick\n/)

    const address = demo.url.replace('http', 'ws')
    assert.equal(await commandOf('openSocket'), `wscat -c '${address}/live/socket' -H 'Authorization: Bearer <token>'`)
    const socket = new WebSocket(`${address}/live/socket`, { headers: { authorization: `Bearer ${demo.readToken}` } })
    t.after(() => socket.terminate())
    await once(socket, 'open')
  })

  test('trying an endless stream out ends, and shows what has come', async (t) => {
    const { ui } = await open(t)
    await ui.fill('streamTicks', {})
    const { status, body } = await ui.execute('streamTicks')
    assert.equal(status, 200)
    assert.match(body, /event: tick/)
    assert.match(body, /The page has stopped reading/)
    await picture(ui.page, 'stream-tried-out')
  })

  test('a stream ends on the page that no document tells of', async (t) => {
    const { page } = await open(t)
    const body = await page.evaluate(
      'gatehouse.intercept({ headers: { accept: "*/*" } }).userFetch("/live/ticks").then((response) => response.text())',
    )
    assert.match(body as string, /event: tick[^]*The page has stopped reading/)
    assert.equal(
      await page.evaluate('gatehouse.intercept({ headers: {} }).userFetch("/livez").then(({ status }) => status)'),
      200,
    )
  })

  test('the dialog for credentials says where a token comes from', async (t) => {
    const { page } = await open(t)
    await page.locator('.btn.authorize').first().click()
    assert.match(await page.locator('.dialog-ux .renderedMarkdown').innerText(), /terminal/)
    await picture(page, 'authorize')
  })
})
