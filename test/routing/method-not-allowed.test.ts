import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startBackend } from '../support/backend.ts'
import { startGateway } from '../support/gateway.ts'
import { ask } from '../support/http-client.ts'

const HANDWRITTEN = `export default async (app) => {
  const config = { auth: 'none' }
  app.get('/hand/:id', { config }, async (request, reply) => request.params.id === 'gone' ? reply.callNotFound() : 'found')
  app.get('/with-head', { config, exposeHeadRoute: true }, async () => 'found')
  app.head('/only-head', { config }, async () => '')
  app.route({ method: ['PUT', 'OPTIONS'], url: '/several', config, handler: async () => '' })
}`

test('a method that a path does not have is 405, and Allow lists those that are answered', async (t) => {
  const backend = await startBackend(t)
  const { url } = await startGateway(
    t,
    {
      'hand.mjs': HANDWRITTEN,
      'declared.json': {
        name: 'declared',
        prefix: '/declared',
        targets: backend.url,
        auth: 'none',
        routes: [{ method: ['GET', 'PATCH'], url: '/:id' }],
      },
      'host.json': {
        name: 'host',
        prefix: '/',
        hosts: 'app.lan',
        targets: backend.url,
        auth: 'none',
        routes: [{ method: 'GET', url: '/x' }],
      },
      'imported.json': {
        name: 'imported',
        prefix: '/imported',
        targets: backend.url,
        auth: 'none',
        openapi: '_api.yaml',
      },
      '_api.yaml':
        'openapi: 3.1.0\ninfo: { title: T, version: "1" }\npaths: { /a: { get: { responses: { 200: { description: ok } } } } }\n',
    },
    {
      metrics: { path: '/metrics', auth: 'none' },
      status: { path: '/status', auth: 'none' },
      cache: { purge: { path: '/purge', auth: 'none' } },
    },
  )
  for (const [path, allowed] of [
    ['/hand/1', 'GET'],
    ['/with-head', 'GET, HEAD'],
    ['/only-head', 'HEAD'],
    ['/several', 'OPTIONS, PUT'],
    ['/declared/1', 'GET, HEAD, PATCH'],
    ['/imported/a', 'GET, HEAD'],
    ['/livez', 'GET, HEAD'],
    ['/readyz', 'GET, HEAD'],
    ['/metrics', 'GET, HEAD'],
    ['/status', 'GET, HEAD'],
    ['/status/explain', 'POST'],
    ['/purge', 'POST'],
    ['/docs', 'GET, HEAD'],
    ['/docs/', 'GET, HEAD'],
    ['/docs/json', 'GET, HEAD'],
    ['/docs/static/any.css', 'GET, HEAD'],
  ] as const) {
    const { status, headers, body } = await ask(url + path, { method: 'DELETE' })
    assert.deepEqual(
      [status, headers.allow?.split(', ').sort().join(', '), JSON.parse(body).code],
      [405, allowed, 'GW_METHOD_NOT_ALLOWED'],
      path,
    )
    for (const method of ['GET', 'HEAD', 'OPTIONS', 'PUT', 'PATCH', 'POST']) {
      const { status } = await ask(url + path, { method })
      assert.equal(status !== 405, allowed.split(', ').includes(method), `${method} ${path}: ${status}`)
    }
  }
  const headers = { host: 'app.lan' }
  assert.equal((await ask(`${url}/x`, { method: 'PUT', headers })).headers.allow, 'GET, HEAD')
  assert.equal((await ask(`${url}/docs`, { method: 'PUT', headers })).status, 405)
})

test('a path that no route has is 404 for every method, as is what a handler does not find', async (t) => {
  const { url } = await startGateway(t, { 'hand.mjs': HANDWRITTEN })
  for (const [method, path] of [
    ['PUT', '/nowhere'],
    ['PUT', '/.refused'],
    ['OPTIONS', '/.preflight/x'],
    ['GET', '/hand/gone'],
    ['GET', '/docs/static/none.css'],
    ['PUT', '/livez/'],
    ['PUT', '/status'],
  ] as const) {
    const { status, headers } = await ask(url + path, { method })
    assert.deepEqual([status >= 400 && status < 405, headers.allow], [true, undefined], `${method} ${path}: ${status}`)
  }
})
