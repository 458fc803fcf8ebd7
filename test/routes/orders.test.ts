import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { start } from '../../demo/orders.ts'
import { type SampleGateway, startSample } from './sample-gateway.ts'

const READ = ['orders:read']
const WRITE = ['orders:write']

describe('routes/orders.ts', () => {
  let gateway: SampleGateway
  before(async () => {
    gateway = await startSample('ORDERS_URL', await start())
  })
  after(() => gateway.close())

  test('reading and writing take a scope each', async () => {
    assert.equal((await gateway.call('GET', '/orders', null)).status, 401)
    assert.equal((await gateway.call('GET', '/orders', ['users:read'])).status, 403)
    assert.equal((await gateway.call('GET', '/orders', READ)).body.total, 3)
    assert.equal((await gateway.call('DELETE', '/orders/1', READ)).status, 403)
    assert.equal((await gateway.call('GET', '/orders/1', READ)).status, 200)
  })

  test("an order is created, read, changed and deleted, and its address is the gateway's", async () => {
    const created = await gateway.call('POST', '/orders', WRITE, {
      customer: 'Emmy Noether',
      item: 'Ring',
      quantity: 1,
    })
    assert.equal(created.status, 201)
    assert.equal(created.headers.get('location'), `/orders/${created.body.id}`)
    const path = created.headers.get('location')!
    assert.equal((await gateway.call('PATCH', path, WRITE, { status: 'paid' })).body.status, 'paid')
    assert.equal((await gateway.call('GET', path, READ)).body.status, 'paid')
    assert.equal((await gateway.call('DELETE', path, WRITE)).status, 204)
    assert.equal((await gateway.call('GET', path, READ)).status, 404)
  })

  test('what breaks the schema never reaches the service', async () => {
    const refused = await gateway.call('POST', '/orders', WRITE, { customer: '', quantity: 0, colour: 'red' })
    assert.equal(refused.status, 400)
    assert.equal(refused.body.code, 'GW_VALIDATION')
    assert.ok(refused.body.errors.length >= 3, JSON.stringify(refused.body.errors))
    assert.equal((await gateway.call('GET', '/orders?limit=1000', READ)).status, 400)
    assert.equal((await gateway.call('GET', '/orders?state=open', READ)).status, 400)
    assert.equal((await gateway.call('GET', '/orders/first', READ)).status, 400)
    assert.equal((await gateway.call('PATCH', '/orders/1', WRITE, {})).status, 400)
    assert.equal((await gateway.call('POST', '/orders', WRITE, '{')).status, 400)
    assert.equal((await gateway.call('POST', '/orders', WRITE, 'x', { 'content-type': 'text/plain' })).status, 415)
    assert.equal(
      (await gateway.call('POST', '/orders', WRITE, { customer: 'x'.repeat(20_000), item: 'y', quantity: 1 })).status,
      413,
    )
  })

  test('its limit is told', async () => {
    assert.match((await gateway.call('GET', '/orders', READ)).headers.get('ratelimit-policy')!, /q=100;w=60/)
  })
})
