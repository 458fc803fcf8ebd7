import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { start } from '../../demo/orders.ts'
import type { Service } from '../../demo/service.ts'

describe('demo orders', () => {
  let service: Service
  before(async () => {
    service = await start()
  })
  after(() => service.close())

  const call = async (method: string, path: string, body?: string | object) => {
    const response = await fetch(service.url + path, {
      method,
      body: typeof body === 'object' ? JSON.stringify(body) : body,
    })
    const text = await response.text()
    return { status: response.status, headers: response.headers, body: text === '' ? null : JSON.parse(text) }
  }

  test('lists the orders it begins with, by status and up to a limit', async () => {
    const all = await call('GET', '/orders')
    assert.equal(all.status, 200)
    assert.equal(all.body.total, 3)
    assert.deepEqual(
      (await call('GET', '/orders?status=open')).body.orders.map((order: { id: number }) => order.id),
      [3],
    )
    assert.equal((await call('GET', '/orders?limit=1')).body.orders.length, 1)
    assert.equal((await call('GET', '/orders?limit=none')).status, 422)
  })

  test('creates, reads, changes and deletes an order', async () => {
    const created = await call('POST', '/orders', { customer: 'Emmy Noether', item: 'Ring', quantity: 1 })
    assert.equal(created.status, 201)
    assert.equal(created.headers.get('location'), `${service.url}/orders/${created.body.id}`)
    const path = `/orders/${created.body.id}`
    assert.deepEqual((await call('GET', path)).body, created.body)
    assert.equal((await call('PATCH', path, { status: 'paid' })).body.status, 'paid')
    assert.equal((await call('GET', path)).body.status, 'paid')
    assert.deepEqual([(await call('DELETE', path)).status, (await call('GET', path)).status], [204, 404])
  })

  test('has checks of its own', async () => {
    const right = { customer: 'a', item: 'b', quantity: 1 }
    assert.equal((await call('POST', '/orders', '{')).status, 400)
    assert.equal((await call('POST', '/orders', '[]')).status, 400)
    assert.equal((await call('POST', '/orders', { ...right, item: undefined })).body.error, 'item is missing')
    assert.equal((await call('POST', '/orders', { ...right, quantity: 0.5 })).status, 422)
    assert.equal((await call('PATCH', '/orders/1', { status: 'lost' })).status, 422)
    assert.equal((await call('POST', '/orders', JSON.stringify({ ...right, item: 'x'.repeat(2 ** 20) }))).status, 413)
    assert.equal((await call('PUT', '/orders/1', right)).status, 405)
    assert.equal((await call('DELETE', '/orders')).status, 405)
    assert.equal((await call('GET', '/orders/one')).status, 404)
  })
})
