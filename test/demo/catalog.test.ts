import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { start } from '../../demo/catalog.ts'
import type { Service } from '../../demo/service.ts'

const BOOK = {
  kind: 'book',
  sku: 'BOK-3',
  title: 'Idealtheorie in Ringbereichen',
  category: 'mathematics',
  price: { amount: 1921, currency: 'EUR' },
  author: 'Emmy Noether',
  pages: 43,
}

describe('demo catalog', () => {
  let service: Service
  before(async () => {
    service = await start()
  })
  after(() => service.close())

  const call = async (method: string, path: string, body?: string | object, key: string | null = randomUUID()) => {
    const headers: Record<string, string> = key === null ? {} : { 'idempotency-key': key }
    const response = await fetch(service.url + path, {
      method,
      headers,
      body: typeof body === 'object' ? JSON.stringify(body) : body,
    })
    return { status: response.status, headers: response.headers, body: (await response.json()) as any }
  }

  test('lists products, by categories, by price and up to a limit', async () => {
    const skus = async (query: string) =>
      (await call('GET', `/products${query}`)).body.products.map((product: { sku: string }) => product.sku)
    assert.deepEqual(await skus(''), ['BOK-1', 'BOK-2', 'INS-1', 'INS-2'])
    assert.deepEqual(await skus('?category=machines,orbits'), ['BOK-1', 'INS-2'])
    assert.deepEqual(await skus('?sort=price&limit=1'), ['BOK-1'])
    assert.deepEqual((await call('GET', '/categories')).body, ['machines', 'mathematics', 'orbits'])
    assert.equal((await call('GET', '/products?limit=none')).status, 422)
  })

  test('adds a product once, however often the request comes', async () => {
    const key = randomUUID()
    const added = await call('POST', '/products', BOOK, key)
    assert.equal(added.status, 201)
    assert.equal(added.headers.get('location'), `${service.url}/products/BOK-3`)
    assert.deepEqual((await call('POST', '/products', BOOK, key)).body, added.body)
    assert.equal((await call('POST', '/products', BOOK)).status, 409)
    assert.deepEqual((await call('GET', '/products/BOK-3')).body, added.body)
    assert.deepEqual((await call('GET', '/products/BOK-3/cost')).body, { sku: 'BOK-3', cost: 1153 })
  })

  test('has checks of its own', async () => {
    const book = { ...BOOK, sku: 'BOK-9' }
    assert.equal((await call('POST', '/products', '{')).status, 400)
    assert.equal((await call('POST', '/products', book, null)).status, 400)
    for (const wrong of [
      { sku: 'book' },
      { title: '' },
      { category: 'toys' },
      { price: null },
      { price: { amount: 0.5, currency: 'EUR' } },
      { kind: 'toy' },
      { pages: undefined },
    ]) {
      assert.equal((await call('POST', '/products', { ...book, ...wrong })).status, 422, JSON.stringify(wrong))
    }
    assert.equal((await call('DELETE', '/products/BOK-1')).status, 405)
    assert.equal((await call('PUT', '/products')).status, 405)
    assert.equal((await call('GET', '/products/BOK-9')).status, 404)
    assert.equal((await call('GET', '/products/nine')).status, 404)
  })
})
