import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { parse } from 'yaml'
import { startGateway } from '../../support/gateway.ts'
import { rawRequest } from '../../support/raw-client.ts'
import { validDocument } from '../../support/valid-document.ts'

const upstream = (name: string, more: object) => ({
  [`${name}.json`]: { name, auth: 'none', targets: ['http://127.0.0.1:1'], ...more },
})
const get = (url: string, more: object = {}) => ({ method: 'GET', url, ...more })

/** Reads documents as a client that sends the given `Host`. */
async function start(t: TestContext, files: object, config: object = {}) {
  const gateway = await startGateway(t, files as Record<string, unknown>, config)
  const read = async (path: string, host = '127.0.0.1') => {
    const { status, body } = await rawRequest(
      gateway.port,
      `GET ${path} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`,
    )
    return { status, body: JSON.parse(body) as Record<string, any> }
  }
  const document = async (query = '', host?: string) => {
    const { status, body } = await read(`/docs/json${query}`, host)
    assert.equal(status, 200)
    return validDocument(body)
  }
  return { ...gateway, read, document }
}
const operationsOf = ({ paths }: Record<string, any>): string[] =>
  Object.entries<object>(paths)
    .flatMap(([path, item]) => Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`))
    .toSorted()

test('a pass-through is no operation, and is mentioned where its upstream is described', async (t) => {
  const { document, read, app } = await start(t, {
    ...upstream('orders', { prefix: '/orders', passThrough: true, description: 'Orders.', routes: [get('/:id')] }),
    ...Object.assign(
      {},
      ...Array.from({ length: 17 }, (_, i) => upstream(`app-${i}`, { hosts: [`app-${i}.lan`], passThrough: true })),
    ),
  })
  const logged = ['info', 'warn'].map((level) => t.mock.method(app.log, level as 'info', () => {}))
  const whole = await document()
  assert.deepEqual(operationsOf(whole), ['GET /orders/{id}'])
  assert.deepEqual(whole.tags[0], {
    name: 'orders',
    description: 'Orders.\n\nEverything else below `/orders/` is passed through to the service.',
  })
  assert.equal(
    whole.tags.find(({ name }: { name: string }) => name === 'app-3').description,
    'Everything below `/` on `app-3.lan` is passed through to the service.',
  )
  assert.match(
    whole.info.description,
    /- app-16: Everything below `\/` on `app-16\.lan` is passed through to the service\./,
  )
  assert.doesNotMatch(whole.info.description, /- orders/)
  assert.equal((await read('/docs/upstreams/orders.json')).body.info.description, whole.tags[0].description)
  assert.deepEqual(
    logged.map(({ mock }) => mock.callCount()),
    [0, 0],
  )
})

test('a pass-through that nobody may know of is not mentioned', async (t) => {
  const { document } = await start(
    t,
    upstream('a', { prefix: '/a', auth: { jwt: { scopes: ['admin:all'] } }, passThrough: true }),
    {
      docs: { hideScopes: ['admin:*'] },
      jwt: { secret: 'a secret for tests, long enough for HS256' },
    },
  )
  assert.equal((await document()).tags, undefined)
})

const hosts = {
  ...upstream('any', { routes: [get('/x', { schema: { summary: 'any' } }), get('/y'), get('/sub/z')] }),
  ...upstream('app', { hosts: ['app.lan'], routes: [get('/x', { schema: { summary: 'app' } }), get('/only-app')] }),
  ...upstream('wild', { hosts: ['*.lan'], prefix: '/sub', passThrough: true, routes: [get('/a')] }),
}

test('a document that is asked for on a host shows what clients reach there', async (t) => {
  const { document, read } = await start(t, hosts)
  const app = await document('', 'app.lan:3000')
  assert.deepEqual(operationsOf(app), ['GET /only-app', 'GET /sub/a', 'GET /x', 'GET /y'])
  assert.equal(app.paths['/x'].get.summary, 'app', 'routes that name the host go first')
  assert.equal(app.paths['/x'].get.servers, undefined, 'the page is on the right host already')
  assert.equal(app.paths['/x'].get.description, undefined)
  assert.deepEqual(operationsOf(await document('', 'APP.lan.')), operationsOf(app))
  assert.deepEqual(operationsOf(await document('', 'other.lan')), ['GET /sub/a', 'GET /x', 'GET /y'])
  assert.equal((await document('', 'other.lan')).paths['/x'].get.summary, 'any')
  assert.deepEqual(
    (await read('/docs/static/documents.json', 'other.lan')).body.urls.map(({ name }: { name: string }) => name),
    ['Gatehouse', 'any', 'wild'],
  )
  assert.deepEqual(
    (await read('/docs/static/documents.json')).body.urls.map(({ name }: { name: string }) => name),
    ['Gatehouse', 'any', 'app', 'wild'],
  )
})

test('a pass-through that a host has taken from it by another is not mentioned there', async (t) => {
  const { document } = await start(t, {
    ...upstream('root', { passThrough: true }),
    ...upstream('shop', { prefix: '/shop', passThrough: true }),
    ...upstream('app', { hosts: ['app.lan'], passThrough: true }),
    ...upstream('wild', { hosts: ['*.lan'], prefix: '/shop', passThrough: true }),
  })
  const told = async (host: string) =>
    [...(await document(`?host=${host}`)).info.description.matchAll(/^- (\w+): /gm)].map(([, name]) => name)
  assert.deepEqual(await told('app.lan'), ['app'])
  assert.deepEqual(await told('other.lan'), ['root', 'wild'])
  assert.deepEqual(await told('other.test'), ['root', 'shop'])
})

test('a host can be named in the query', async (t) => {
  const { document, read } = await start(t, hosts)
  const app = await document('?host=app.lan')
  assert.deepEqual(operationsOf(app), ['GET /only-app', 'GET /sub/a', 'GET /x', 'GET /y'])
  assert.deepEqual(app.paths['/x'].get.servers, [{ url: 'https://app.lan' }])
  assert.equal(app.paths['/y'].get.servers, undefined)
  assert.deepEqual(
    operationsOf(await document('?host=unknown.example.com')),
    ['GET /sub/z', 'GET /x', 'GET /y'],
    'only what every host has',
  )
  assert.deepEqual(
    operationsOf(await document('?host=127.0.0.1', 'app.lan')),
    ['GET /sub/z', 'GET /x', 'GET /y'],
    'the query goes before the host',
  )
  for (const query of [
    '?host=',
    '?host=a%20b',
    '?host=a.lan&host=b.lan',
    '?host=%3Cscript%3E',
    `?host=${'a'.repeat(300)}`,
  ]) {
    assert.equal((await read(`/docs/json${query}`)).body.code, 'GW_VALIDATION', query)
  }
  assert.equal(
    (
      await rawRequest(
        Number(new URL((await start(t, hosts)).url).port),
        'GET /docs/yaml?host=a%20b HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n',
      )
    ).status,
    400,
  )
})

test('operations with one method and path on several hosts are named in the document of the whole gateway', async (t) => {
  const { document, app } = await start(t, {
    ...hosts,
    ...upstream('beta', {
      prefix: '/beta',
      routes: [get('/'), get('/', { match: { headers: { 'x-version': '2' } } })],
    }),
  })
  const info = t.mock.method(app.log, 'info', () => {})
  const warn = t.mock.method(app.log, 'warn', () => {})
  const whole = await document()
  assert.equal(whole.paths['/x'].get.summary, 'any')
  assert.equal(
    whole.paths['/x'].get.description,
    'This path has another operation on `app.lan`: see the document of the upstream `app`.',
  )
  assert.equal(
    whole.paths['/beta'].get.description,
    'Requests with `x-version: 2` get another operation of the upstream `beta`.',
  )
  await document()
  await document('?host=app.lan')
  assert.equal(warn.mock.callCount(), 0)
  assert.equal(info.mock.callCount(), 1, 'once for all operations and documents')
  assert.deepEqual((info.mock.calls[0]!.arguments as unknown[])[0], { operations: ['GET /x', 'GET /beta'], count: 2 })
})

test('documents of hosts are kept within a bound, whatever hosts are asked for', async (t) => {
  const { app, document } = await start(t, hosts)
  await document('?host=app.lan')
  assert.equal(
    app.portal.onHost('a.example.com', false),
    app.portal.onHost('b.example.com', false),
    'hosts of the same routes share a document',
  )
  assert.equal(app.portal.onHost('a.lan', false), app.portal.onHost('b.lan', false))
  assert.notEqual(app.portal.onHost('a.lan', false), app.portal.onHost('app.lan', false))
})

test('what a proxy hands on of its client cannot break the document', async (t) => {
  const socket = upstream('live', { routes: [get('/socket', { websocket: true })] })
  const { port } = await start(t, socket, { trustProxy: ['127.0.0.1'] })
  for (const [forwarded, address] of [
    ['x-forwarded-proto: https\r\nx-forwarded-host: api.example.com', 'wss://api.example.com/socket'],
    ['x-forwarded-proto: x","y\r\nx-forwarded-host: api.example.com', 'ws://api.example.com/socket'],
    ['x-forwarded-host: a","b', 'ws://'],
  ]) {
    for (const form of ['json', 'yaml']) {
      const { status, body } = await rawRequest(
        port,
        `GET /docs/${form} HTTP/1.1\r\nhost: 127.0.0.1\r\n${forwarded}\r\nconnection: close\r\n\r\n`,
      )
      assert.ok(status === 200 || forwarded!.includes('"'), 'only what is odd may be refused')
      if (status !== 200) continue
      const document = parse(body) as Record<string, any>
      assert.ok(
        document.paths['/socket'].get.description.includes(`wscat -c '${address}`),
        `${forwarded}: ${document.paths['/socket'].get.description}`,
      )
    }
  }
})
