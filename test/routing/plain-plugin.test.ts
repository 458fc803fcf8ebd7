import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildApp } from '../../src/app.ts'
import { startBackend } from '../support/backend.ts'
import { routesFolder, startGateway, testConfig } from '../support/gateway.ts'

const plugin = (target: string) => `
export default async function (app) {
  const stock = app.addUpstream({ name: 'stock', targets: ['${target}'], requestHeaders: { set: { 'x-from': 'plugin' } } })
  app.get('/stock/:id', { config: { auth: 'none' } }, (request, reply) => reply.forward(stock, { path: '/api/' + encodeURIComponent(request.params.id) }))
  app.post('/stock', { config: { auth: 'none' } }, (request, reply) => reply.forward('stock'))
  app.post('/own', { config: { auth: 'none' } }, async (request) => ({ got: request.body }))
  app.get('/climb', { config: { auth: 'none' } }, (request, reply) => reply.forward(stock, { path: '/api/' + request.query.p }))
}`

test('a hand-written plugin forwards over the same engine', async (t) => {
  const backend = await startBackend(t)
  const { url } = await startGateway(t, { 'stock.mjs': plugin(backend.url) })
  assert.equal((await fetch(`${url}/stock/a%2Fb`)).status, 200)
  assert.equal(backend.received[0]!.url, '/api/a%2Fb')
  assert.equal(backend.received[0]!.headers['x-from'], 'plugin')
  const json = '{"n": 12345678901234567890}'
  await fetch(`${url}/stock`, { method: 'POST', body: json, headers: { 'content-type': 'application/json' } })
  assert.equal(backend.received[1]!.body.toString(), json, 'parsed, but the bytes are forwarded')
  await fetch(`${url}/stock`, { method: 'POST', body: 'plain text', headers: { 'content-type': 'text/plain' } })
  assert.equal(backend.received[2]!.body.toString(), 'plain text')
  const own = await fetch(`${url}/own`, {
    method: 'POST',
    body: '{"a":1}',
    headers: { 'content-type': 'application/json' },
  })
  assert.deepEqual(await own.json(), { got: { a: 1 } })
  assert.equal((await fetch(`${url}/climb?p=..%2F..%2Fsecret`)).status, 400)
})

test('an upstream that is not there is told with those that are', async (t) => {
  const { url } = await startGateway(t, {
    'a.mjs': `export default async (app) => {
  app.addUpstream({ name: 'stock', targets: ['http://127.0.0.1:1'] })
  app.addUpstream({ name: 'users', targets: ['http://127.0.0.1:1'] })
  app.get('/', { config: { auth: 'none' } }, async (request, reply) => {
    try { return reply.forward('stoc') } catch (error) { return error.message }
  })
}`,
  })
  assert.equal(
    await (await fetch(url)).text(),
    'reply.forward: there is no upstream named "stoc", did you mean "stock"? (there are: stock, users)',
  )
})

test('mistakes of addUpstream name the file', async (t) => {
  const folder = await routesFolder(t, {
    'a.mjs': "export default async (app) => { app.addUpstream({ name: 'stock', target: ['http://a'] }) }",
  })
  await assert.rejects(
    buildApp(testConfig(folder)),
    /a\.mjs: app\.addUpstream\("stock"\): target: unknown key, did you mean "targets"\?/,
  )
})
