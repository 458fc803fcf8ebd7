import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { start } from '../../demo/catalog.ts'
import { type SampleGateway, startSample } from './sample-gateway.ts'

const READ = ['catalog:read']
const WRITE = ['catalog:write']
const BOOK = {
  kind: 'book',
  sku: 'BOK-3',
  title: 'Idealtheorie in Ringbereichen',
  category: 'mathematics',
  price: { amount: 1921, currency: 'EUR' },
  author: 'Emmy Noether',
  pages: 43,
}
const key = () => ({ 'idempotency-key': randomUUID() })

describe('routes/catalog.ts', () => {
  let gateway: SampleGateway
  before(async () => {
    gateway = await startSample('CATALOG_URL', await start())
  })
  after(() => gateway.close())

  test('who may call is what the document says', async () => {
    assert.equal((await gateway.call('GET', '/catalog/categories', null)).status, 200)
    assert.equal((await gateway.call('GET', '/catalog/products', null)).status, 401)
    assert.equal((await gateway.call('GET', '/catalog/products', ['orders:read'])).status, 403)
    assert.equal((await gateway.call('GET', '/catalog/products', READ)).body.total, 4)
    assert.equal((await gateway.call('POST', '/catalog/products', READ, BOOK, key())).status, 403)
    assert.equal((await gateway.call('GET', '/catalog/products/BOK-1/cost', READ)).status, 403)
    assert.deepEqual((await gateway.call('GET', '/catalog/products/BOK-1/cost', WRITE)).body, {
      sku: 'BOK-1',
      cost: 1105,
    })
  })

  test("a product is added once, and its address is the gateway's", async () => {
    const same = key()
    const added = await gateway.call('POST', '/catalog/products', WRITE, BOOK, same)
    assert.equal(added.status, 201)
    assert.equal(added.headers.get('location'), '/catalog/products/BOK-3')
    assert.deepEqual((await gateway.call('GET', '/catalog/products/BOK-3', READ)).body, added.body)
    assert.deepEqual((await gateway.call('POST', '/catalog/products', WRITE, BOOK, same)).body, added.body)
    assert.equal((await gateway.call('POST', '/catalog/products', WRITE, BOOK, key())).status, 409)
  })

  test('what breaks the document never reaches the service', async () => {
    const violations = async (
      method: string,
      path: string,
      scopes: string[],
      body?: object,
      headers?: Record<string, string>,
    ) => {
      const refused = await gateway.call(method, path, scopes, body, headers)
      assert.equal(refused.status, 400, JSON.stringify(refused.body))
      return refused.body.errors.map(
        ({ in: part, pointer, expected }: Record<string, string>) => `${part} ${pointer}: ${expected}`,
      )
    }
    assert.deepEqual(await violations('GET', '/catalog/products?category=orbits,toys', READ), [
      'query /category/1: one of: machines, mathematics, orbits',
    ])
    assert.deepEqual(await violations('GET', '/catalog/products?category=orbits,orbits', READ), [
      'query /category: items that all differ',
    ])
    assert.deepEqual(await violations('GET', '/catalog/products?limit=0', READ), ['query /limit: at least 1'])
    assert.deepEqual(await violations('GET', '/catalog/products/book', READ), [
      'params /sku: text that matches ^[A-Z]{3}-\\d{1,6}$',
    ])
    assert.deepEqual(await violations('POST', '/catalog/products', WRITE, BOOK), [
      'headers : a property "idempotency-key"',
    ])
    // what the kind says decides, and nothing else is told
    assert.deepEqual(
      await violations(
        'POST',
        '/catalog/products',
        WRITE,
        { ...BOOK, kind: 'instrument', weight: 0, author: undefined, pages: undefined },
        key(),
      ),
      ['body /weight: more than 0'],
    )
    assert.match(
      (await violations('POST', '/catalog/products', WRITE, { ...BOOK, kind: 'toy' }, key())).join(),
      /^body \/kind: one of: .*book.*instrument/,
    )
    assert.deepEqual(await violations('POST', '/catalog/products', WRITE, { ...BOOK, colour: 'red' }, key()), [
      'body : no property "colour"',
    ])
    assert.equal((await gateway.call('GET', '/catalog/toys', READ)).status, 404)
    assert.equal((await gateway.call('DELETE', '/catalog/products/BOK-1', WRITE)).status, 405)
  })

  test('a limit of the document is in force', async () => {
    assert.match(
      (await gateway.call('POST', '/catalog/products', WRITE, BOOK, key())).headers.get('ratelimit-policy')!,
      /q=10;w=60/,
    )
    assert.match((await gateway.call('GET', '/catalog/products', READ)).headers.get('ratelimit-policy')!, /q=100;w=60/)
  })

  test('an operation that is internal is in no documentation', async () => {
    for (const path of ['/docs/json', '/docs/upstreams/catalog.json']) {
      const { status, body } = await gateway.call('GET', path, null)
      assert.equal(status, 200, path)
      assert.ok(body.paths['/catalog/products/{sku}'].get, path)
      assert.ok(!JSON.stringify(body).includes('readCost'), path)
    }
  })

  test('all that the service has answered is as the document says', async () => {
    assert.equal((await gateway.call('GET', '/catalog/products/BOK-99', READ)).status, 404)
    assert.doesNotMatch(await gateway.metrics(), /^gatehouse_response_violations_total\{/m)
  })
})
