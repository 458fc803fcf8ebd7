import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { noBrowser, suiteBrowser, watchedPage } from './browser.ts'
import { copiedRoutes, startDemo } from './demo-process.ts'
import { eventually } from '../support/eventually.ts'
import { readmeTemplates } from './readme-template.ts'
import { startStock } from './stock-service.ts'
import { SwaggerUi } from './swagger-ui.ts'

describe('the gateway in a browser', { skip: noBrowser }, () => {
  const suite = suiteBrowser()

  test('Swagger UI shows every upstream, and tries operations out on the real services', async (t) => {
    const demo = await startDemo(t)
    const { page, foreign, errors } = await watchedPage(suite.browser, demo.url)
    t.after(() => page.close())
    const ui = new SwaggerUi(page)
    await ui.open(demo.docs)

    assert.deepEqual((await ui.tags()).toSorted(), ['catalog', 'live', 'orders', 'users'])
    const operations = await ui.operations()
    assert.deepEqual(Object.fromEntries(Object.entries(operations).map(([name, { locked }]) => [name, locked])), {
      'GET /live/ticks': false,
      'GET /live/socket': true,
      'GET /orders': true,
      'POST /orders': true,
      'GET /orders/{id}': true,
      'PATCH /orders/{id}': true,
      'DELETE /orders/{id}': true,
      'GET /users': true,
      'GET /users/{id}': true,
      'GET /users/me': true,
      'GET /users/whoami': false,
      'GET /catalog/categories': false,
      'GET /catalog/products': true,
      'POST /catalog/products': true,
      'GET /catalog/products/{sku}': true,
    })
    await page.screenshot({ path: suite.picture('documentation') })

    await ui.authorize(demo.writeToken)
    await ui.fill('createOrder', { body: { customer: 'Emmy Noether', item: 'Ring', quantity: 1 } })
    const created = await ui.execute('createOrder')
    assert.equal(created.status, 201)
    assert.match(created.body, /"status": "open"/)
    await ui.fill('readOrder', { parameters: { id: '4' } })
    const read = await ui.execute('readOrder')
    assert.equal(read.status, 200)
    assert.match(read.body, /Emmy Noether/)
    await page.screenshot({ path: suite.picture('tried-out') })

    await ui.fill('streamTicks', { parameters: { count: '1' } })
    assert.equal((await ui.execute('streamTicks')).status, 200)

    await ui.fill('addProduct', {
      parameters: { 'Idempotency-Key': randomUUID() },
      body: {
        kind: 'instrument',
        sku: 'INS-3',
        title: 'Astrolabe',
        category: 'orbits',
        price: { amount: 9900, currency: 'USD' },
        weight: 480,
      },
    })
    const added = await ui.execute('addProduct')
    assert.equal(added.status, 201)
    assert.match(added.body, /"addedAt": /)
    await ui.fill('readProduct', { parameters: { sku: 'INS-3' } })
    assert.match((await ui.execute('readProduct')).body, /Astrolabe/)
    await page.screenshot({ path: suite.picture('tried-out-from-document') })
    assert.deepEqual({ foreign, errors }, { foreign: [], errors: [] })
    assert.equal(await demo.stop(), 0)
  })

  for (const [device, viewport] of Object.entries({
    desktop: { width: 1280, height: 900 },
    phone: { width: 390, height: 844 },
  })) {
    test(`Swagger UI on a ${device} offers the whole gateway and each upstream`, async (t) => {
      const demo = await startDemo(t)
      const { page, foreign, errors } = await watchedPage(suite.browser, demo.url, viewport)
      t.after(() => page.close())
      const ui = new SwaggerUi(page)
      await ui.open(demo.docs)
      assert.deepEqual(await ui.documents(), ['Gatehouse demo', 'catalog', 'live', 'orders', 'users'])
      await page.screenshot({ path: suite.picture(`whole-${device}`) })
      await ui.choose('orders')
      assert.deepEqual(await ui.tags(), ['orders'])
      assert.deepEqual(
        Object.keys(await ui.operations()).filter((name) => !/ \/orders/.test(name)),
        [],
      )
      await page.screenshot({ path: suite.picture(`orders-${device}`) })
      await ui.choose('catalog')
      assert.deepEqual(Object.keys(await ui.operations()), [
        'GET /catalog/categories',
        'GET /catalog/products',
        'POST /catalog/products',
        'GET /catalog/products/{sku}',
      ])
      await page.screenshot({ path: suite.picture(`catalog-${device}`) })
      await ui.choose('orders')
      // the choice is part of the address
      await ui.open(page.url())
      assert.deepEqual(await ui.tags(), ['orders'])
      await ui.authorize(demo.readToken)
      await ui.fill('readOrder', { parameters: { id: '1' } })
      assert.equal((await ui.execute('readOrder')).status, 200)
      assert.ok(
        await page.evaluate('document.documentElement.scrollWidth <= innerWidth'),
        'nothing sticks out at the side',
      )
      assert.deepEqual({ foreign, errors }, { foreign: [], errors: [] })
      assert.equal(await demo.stop(), 0)
    })
  }

  test('the page of the live service counts the seconds through the gateway', async (t) => {
    const demo = await startDemo(t)
    const { page, foreign, errors } = await watchedPage(suite.browser, demo.url)
    t.after(() => page.close())
    await page.goto(`${demo.url}/live`)
    const time = () => page.locator('time').innerText()
    const first = await eventually('the first tick', async () => {
      const text = await time()
      return text !== 'waiting' && text
    })
    await eventually('a further tick', async () => (await time()) !== first)
    assert.deepEqual(foreign, [])
    // browsers ask every host for an icon
    assert.deepEqual(
      errors.filter((error) => !/404/.test(error)),
      [],
    )
    assert.equal(await demo.stop(), 0)
  })

  for (const file of ['inventory.ts', 'inventory.yaml', 'stock.ts'] as const) {
    test(`the template ${file} of routes/README.md, dropped in, is there after a restart`, async (t) => {
      const stock = await startStock(t)
      const routes = await copiedRoutes(t)
      const env = { GATEHOUSE_ROUTES: routes }
      const [tag, path] = file === 'stock.ts' ? ['stock', '/stock'] : ['inventory', '/inventory/items']

      const before = await startDemo(t, { env })
      assert.equal((await fetch(`${before.url}${path}/BOX-1`)).status, 404)
      assert.equal(await before.stop(), 0)

      await writeFile(join(routes, file), (await readmeTemplates(stock.url))[file])
      const demo = await startDemo(t, { env })
      const { page, foreign, errors } = await watchedPage(suite.browser, demo.url)
      t.after(() => page.close())
      const ui = new SwaggerUi(page)
      await ui.open(demo.docs)
      assert.ok((await ui.tags()).includes(tag))
      assert.deepEqual((await ui.operations())[`GET ${path}/{sku}`], { locked: true })
      await page.locator(`.opblock-tag[data-tag="${tag}"]`).scrollIntoViewIfNeeded()
      await page.screenshot({ path: suite.picture(file) })
      assert.deepEqual({ foreign, errors }, { foreign: [], errors: [] })

      const call = (url: string, token?: string, init: RequestInit = {}) =>
        fetch(demo.url + url, {
          ...init,
          headers: { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) },
        })
      // protected, validated
      assert.equal((await call(`${path}/BOX-1`)).status, 401)
      assert.equal((await call(`${path}/box`, demo.readToken)).status, 400)
      assert.deepEqual(stock.requests, [])
      const read = await call(`${path}/BOX-1`, demo.readToken)
      assert.deepEqual([read.status, await read.json()], [200, { name: 'Box', quantity: 12 }])
      assert.deepEqual(stock.requests, ['GET /items/BOX-1'])
      if (tag === 'inventory') {
        const put = { method: 'PUT', body: '{"name":"Lid","quantity":3}' }
        assert.equal((await call(`${path}/LID-1`, demo.readToken, put)).status, 403)
        assert.equal((await call(`${path}/LID-1`, demo.writeToken, { ...put, body: '{"name":""}' })).status, 400)
        assert.equal((await call(`${path}/LID-1`, demo.writeToken, put)).status, 200)
      }
      // limited
      const statuses = new Set<number>()
      for (let i = 0; i < 20; i++) statuses.add((await call(`${path}/BOX-1`, demo.readToken)).status)
      assert.deepEqual([...statuses], [200, 429])
      assert.equal(await demo.stop(), 0)
    })
  }

  test('npm run dev takes a file over that is dropped in, and one that is taken out', async (t) => {
    const stock = await startStock(t)
    const routes = await copiedRoutes(t)
    const demo = await startDemo(t, { args: ['--watch'], env: { GATEHOUSE_ROUTES: routes } })
    const { page } = await watchedPage(suite.browser, demo.url)
    t.after(() => page.close())
    const ui = new SwaggerUi(page)
    await ui.open(demo.docs)
    assert.ok(!(await ui.tags()).includes('inventory'))

    const status = async () =>
      (await fetch(`${demo.url}/inventory/items`, { headers: { authorization: `Bearer ${demo.readToken}` } })).status
    assert.equal(await status(), 404)
    await writeFile(join(routes, 'inventory.ts'), (await readmeTemplates(stock.url))['inventory.ts'])
    await eventually('the new upstream answers', async () => (await status()) === 200)
    await ui.open(demo.docs)
    assert.ok((await ui.tags()).includes('inventory'))

    await unlink(join(routes, 'inventory.ts'))
    await eventually('the upstream is gone', async () => (await status()) === 404)
    assert.equal(await demo.stop(), 0, demo.output())
    assert.equal(demo.alive(), false)
  })
})
