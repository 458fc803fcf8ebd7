import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildApp } from '../../src/app.ts'
import { explain } from '../../src/admin/explain.ts'
import { routesFolder, testConfig } from '../support/gateway.ts'

test('a request that no route answers is told the nearest ones', async (t) => {
  const folder = await routesFolder(t, {
    'orders.json': {
      name: 'orders',
      prefix: '/orders',
      targets: ['http://127.0.0.1:9'],
      auth: 'none',
      routes: [
        { method: ['GET', 'POST'], url: '/' },
        { method: 'GET', url: '/:id/items' },
        { method: 'DELETE', url: '/:id' },
      ],
    },
    'app.json': {
      name: 'app',
      hosts: 'app.lan',
      targets: ['http://127.0.0.1:9'],
      auth: 'none',
      routes: [{ method: 'GET', url: '/basket' }],
    },
    'rest.json': { name: 'rest', prefix: '/rest', targets: ['http://127.0.0.1:9'], auth: 'none', passThrough: true },
  })
  const app = await buildApp(testConfig(folder))
  t.after(() => app.close())
  const near = async (method: string, url: string): Promise<string[]> =>
    (await explain(app, { method, url, headers: {} })).flatMap((line) => /did you mean (.*)\?$/.exec(line)?.[1] ?? [])
  assert.deepEqual(await near('GET', '/order'), ['GET /orders'])
  assert.deepEqual(await near('HEAD', '/order?x=1'), ['GET /orders'])
  assert.deepEqual(await near('POST', '/Order'), ['POST /orders'])
  assert.deepEqual(await near('GET', '/ordres/7/item'), ['GET /orders/:id/items'])
  assert.deepEqual(await near('GET', '/order/7'), ['DELETE /orders/:id'])
  assert.deepEqual(await near('GET', '/baskets'), ['GET app.lan/basket'])
  assert.deepEqual(await near('GET', '/doc'), ['GET /docs'])
  assert.deepEqual(await near('GET', '/orders/'), ['GET /orders'])
  assert.deepEqual(await near('PUT', '/orders'), [])
  assert.deepEqual(
    (await explain(app, { method: 'PUT', url: '/orders', headers: {} })).filter((line) => /405/.test(line)),
    [
      'route     none for this method, 405 GW_METHOD_NOT_ALLOWED: allowed are GET, HEAD, POST',
      '→ answered 405 GW_METHOD_NOT_ALLOWED',
    ],
  )
  assert.deepEqual(
    (await explain(app, { method: 'PUT', url: '/docs', headers: {} })).at(-1),
    '→ answered 405 GW_METHOD_NOT_ALLOWED',
  )
  assert.deepEqual(await near('GET', '/something/else'), [])
  assert.deepEqual(await near('GET', '/orders'), [])
  assert.deepEqual(await near('GET', `/${'a'.repeat(5000)}`), [])
})

test('a slash at the end that no route takes names the path without it', async (t) => {
  const folder = await routesFolder(t, {
    'orders.json': {
      name: 'orders',
      prefix: '/orders',
      targets: ['http://127.0.0.1:9'],
      auth: 'none',
      routes: [
        { method: 'GET', url: '/' },
        { method: 'GET', url: '/:id' },
      ],
    },
  })
  const app = await buildApp(testConfig(folder))
  t.after(() => app.close())
  const lines = await explain(app, { method: 'GET', url: '/orders/?page=2', headers: {} })
  assert.equal((await app.inject('/orders/?page=2')).statusCode, 404)
  assert.match(
    lines.join('\n'),
    /edge +refused, 404 GW_NOT_FOUND[^\n]*\n +did you mean GET \/orders\?\n +did you mean GET \/orders\/:id\?\n→ answered 404 GW_NOT_FOUND$/,
  )
})
