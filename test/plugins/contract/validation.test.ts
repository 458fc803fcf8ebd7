import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { buildApp } from '../../../src/app.ts'
import { startBackend } from '../../support/backend.ts'
import { routesFolder, startGateway, testConfig } from '../../support/gateway.ts'
import { rawRequest } from '../../support/raw-client.ts'
import { countedLines } from '../../support/counted.ts'

const Order = {
  type: 'object',
  required: ['sku', 'quantity'],
  additionalProperties: false,
  properties: {
    sku: { type: 'string', pattern: '^[A-Z]+-\\d+$' },
    quantity: { type: 'integer', minimum: 1 },
    when: { type: 'string', format: 'date-time' },
    kind: { enum: ['a', 'b'] },
  },
}
async function start(t: TestContext, routes: object[], respond?: import('node:http').RequestListener) {
  const backend = await startBackend(t, respond)
  const gateway = await startGateway(t, { 'a.json': { name: 'a', auth: 'none', targets: [backend.url], routes } })
  const post = (path: string, body: string | Uint8Array, type = 'application/json') =>
    fetch(gateway.url + path, { method: 'POST', body: body as string, headers: { 'content-type': type } })
  return { ...gateway, backend, post }
}
const problem = async (response: Response) =>
  (await response.json()) as { code: string; errors: { in: string; pointer: string; expected: string }[] }

test('a bad body is 400 with every violation, and never reaches the upstream', async (t) => {
  const { post, backend } = await start(t, [{ method: 'POST', url: '/orders', schema: { body: Order } }])
  const response = await post('/orders', '{"quantity":"3","when":"soon","kind":"c","extra":1}')
  assert.equal(response.status, 400)
  const { code, errors } = await problem(response)
  assert.equal(code, 'GW_VALIDATION')
  assert.deepEqual(
    errors.sort((a, b) => a.expected.localeCompare(b.expected)),
    [
      { in: 'body', pointer: '', expected: 'a property "sku"' },
      { in: 'body', pointer: '/when', expected: 'format date-time' },
      { in: 'body', pointer: '/quantity', expected: 'integer' },
      { in: 'body', pointer: '', expected: 'no property "extra"' },
      { in: 'body', pointer: '/kind', expected: 'one of: a, b' },
    ],
  )
  assert.equal(backend.received.length, 0)
})

test('the bytes that were validated are the bytes that are sent', async (t) => {
  const { post, backend } = await start(t, [{ method: 'POST', url: '/any', schema: { body: { type: 'object' } } }])
  const body = ' {"n": 12345678901234567890, "b": 1.50, "a": 2,\n"u": "\\u00e9"}  '
  assert.equal((await post('/any', body)).status, 200)
  assert.equal(backend.received[0]!.body.toString(), body)
  assert.equal(backend.received[0]!.headers['content-length'], String(body.length))
})

test('a chunked body is collected and sent with its length', async (t) => {
  const { port, backend } = await start(t, [{ method: 'POST', url: '/any', schema: { body: { type: 'object' } } }])
  const response = await rawRequest(
    port,
    'POST /any HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n4\r\n{"a"\r\n3\r\n:1}\r\n0\r\n\r\n',
  )
  assert.equal(response.status, 200)
  assert.equal(backend.received[0]!.body.toString(), '{"a":1}')
  assert.equal(backend.received[0]!.headers['transfer-encoding'], undefined)
})

test('parameters, queries and headers are text that stands for values', async (t) => {
  const { url, backend } = await start(t, [
    {
      method: 'GET',
      url: '/o/:id',
      schema: {
        params: { type: 'object', properties: { id: { type: 'integer', minimum: 1 } } },
        querystring: {
          type: 'object',
          properties: { limit: { type: 'integer', maximum: 100 }, tag: { type: 'array', items: { type: 'string' } } },
          additionalProperties: false,
        },
        headers: { type: 'object', properties: { 'x-version': { type: 'integer' } }, required: ['x-version'] },
      },
    },
  ])
  const headers = { 'x-version': '2' }
  assert.equal((await fetch(`${url}/o/5?limit=010&tag=a`, { headers })).status, 200)
  assert.equal(backend.received[0]!.url, '/o/5?limit=010&tag=a', 'the text is forwarded, not the value')
  for (const [path, where, pointer] of [
    ['/o/x', 'params', '/id'],
    ['/o/0', 'params', '/id'],
    ['/o/5?limit=101', 'query', '/limit'],
    ['/o/5?limit=1&limit=2', 'query', '/limit'],
    ['/o/5?other=1', 'query', ''],
  ] as const) {
    const response = await fetch(url + path, { headers })
    assert.equal(response.status, 400, path)
    const [violation] = (await problem(response)).errors
    assert.deepEqual([violation!.in, violation!.pointer], [where, pointer])
  }
  assert.equal((await problem(await fetch(`${url}/o/5`))).errors[0]!.in, 'headers')
})

const CONTENT_TYPES: [string, number][] = [
  ['application/json', 200],
  ['application/json; charset=utf-8', 200],
  ['APPLICATION/JSON', 200],
  ['application/json ; charset=utf-8', 200],
  ['application/json;charset="UTF-8"', 200],
  ['text/plain', 415],
  ['application/jsonx', 415],
  ['application/json\ta', 415],
  ['application/json a', 415],
  ['application/json, text/html', 415],
  ['xapplication/json', 415],
  ['application/json; charset=utf-16', 415],
  ['application', 415],
  ['', 415],
  ['/', 415],
  ['application/json/x', 415],
  ['multipart/form-data', 415],
  ['application/vnd.api+json', 415],
  ['garbage;;;===', 415],
]
for (const [type, status] of CONTENT_TYPES) {
  test(`content type ${JSON.stringify(type)} is ${status}`, async (t) => {
    const { port, backend, app } = await start(t, [
      { method: 'POST', url: '/any', schema: { body: { type: 'object' } } },
    ])
    const response = await rawRequest(
      port,
      `POST /any HTTP/1.1\r\nhost: x\r\ncontent-type: ${type}\r\ncontent-length: 2\r\n\r\n{}`,
    )
    assert.ok(
      response.status === status || (status === 415 && response.status === 400),
      `${response.status} ${response.body}`,
    )
    assert.equal(backend.received.length, status === 200 ? 1 : 0)
    if (status === 200) {
      assert.equal(backend.received[0]!.headers['content-type'], type, 'what was validated is what is sent')
    }
    assert.equal((await app.inject('/livez')).statusCode, 200)
  })
}

test('of two Content-Type headers the one that was checked is sent', async (t) => {
  const { port, backend } = await start(t, [{ method: 'POST', url: '/any', schema: { body: { type: 'object' } } }])
  const response = await rawRequest(
    port,
    'POST /any HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-type: text/xml\r\ncontent-length: 2\r\n\r\n{}',
  )
  if (response.status === 200) {
    assert.deepEqual(
      backend.received[0]!.rawHeaders.filter((_, i, all) => i % 2 && all[i - 1]!.toLowerCase() === 'content-type'),
      ['application/json'],
    )
  }
})

test('what cannot be checked is refused', async (t) => {
  const { post, url, port, backend, app } = await start(t, [
    { method: 'POST', url: '/any', bodyLimit: 1000, schema: { body: { type: ['object', 'array'] } } },
  ])
  assert.equal((await post('/any', '{')).status, 400)
  assert.equal((await post('/any', '')).status, 400)
  assert.equal((await post('/any', '{"__proto__": {"admin": true}}')).status, 400)
  assert.equal((await post('/any', '{"constructor": {"prototype": {"x": 1}}}')).status, 400)
  assert.equal((await post('/any', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]))).status, 400, 'not UTF-8')
  assert.equal((await post('/any', '\ufeff{}')).status, 400, 'a byte order mark')
  assert.equal((await post('/any', `{"a":"${'x'.repeat(1000)}"}`)).status, 413)
  assert.equal(
    (
      await fetch(`${url}/any`, {
        method: 'POST',
        body: '{}',
        headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' },
      })
    ).status,
    415,
  )
  const chunked = await rawRequest(
    port,
    `POST /any HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n${(1200).toString(16)}\r\n${'['.repeat(1200)}\r\n0\r\n\r\n`,
  )
  assert.equal(chunked.status, 413)
  assert.equal((await rawRequest(port, 'POST /any HTTP/1.1\r\nhost: x\r\n\r\n')).status, 400, 'no body at all')
  assert.equal(backend.received.length, 0)
  assert.equal((await app.inject('/livez')).statusCode, 200)
})

test('deep nesting does not end the process', async (t) => {
  const { post, app } = await start(t, [
    { method: 'POST', url: '/any', schema: { body: { type: 'array', items: { $ref: '#' } } } },
  ])
  const response = await post('/any', '['.repeat(100_000) + ']'.repeat(100_000))
  assert.ok([200, 400].includes(response.status), String(response.status))
  assert.equal((await app.inject('/livez')).statusCode, 200)
})

test('forms, and types with a wildcard', async (t) => {
  const { post, backend } = await start(t, [
    {
      method: 'POST',
      url: '/form',
      schema: {
        consumes: ['application/x-www-form-urlencoded'],
        body: { type: 'object', required: ['a'], properties: { a: { type: 'string', minLength: 2 } } },
      },
    },
    { method: 'POST', url: '/ld', schema: { consumes: ['application/*+json'], body: { type: 'object' } } },
    { method: 'POST', url: '/raw', schema: { consumes: ['application/octet-stream'], body: {} } },
  ])
  assert.equal((await post('/form', 'a=xy&b=%20', 'application/x-www-form-urlencoded')).status, 200)
  assert.equal(backend.received[0]!.body.toString(), 'a=xy&b=%20')
  assert.equal((await post('/form', 'a=x', 'application/x-www-form-urlencoded')).status, 400)
  assert.equal((await post('/form', '{}')).status, 415)
  assert.equal((await post('/ld', '{}', 'application/ld+json')).status, 200)
  assert.equal((await post('/ld', '{}', 'application/json')).status, 415)
  assert.equal((await post('/raw', Buffer.from([0, 255, 1]), 'application/octet-stream')).status, 200)
  assert.deepEqual(backend.received.at(-1)!.body, Buffer.from([0, 255, 1]))
})

test('responses are checked as the route says', async (t) => {
  const respond: import('node:http').RequestListener = (request, response) => {
    request.resume()
    const [, , kind] = request.url!.split('/')
    const bodies: Record<string, [number, string, string]> = {
      good: [200, 'application/json', '{"id":1}'],
      bad: [200, 'application/json', '{"id":"1"}'],
      broken: [200, 'application/json', '{'],
      other: [404, 'text/plain', 'no'],
      type: [200, 'text/html', '<p>'],
      big: [200, 'application/json', `{"id":1,"pad":"${'x'.repeat(1_100_000)}"}`],
    }
    const [status, type, body] = bodies[kind!]!
    response.writeHead(status, { 'content-type': type }).end(body)
  }
  const schema = { response: { 200: { type: 'object', properties: { id: { type: 'integer' } } } } }
  const { url, app } = await start(
    t,
    [
      { method: 'GET', url: '/enforce/:k', responseValidation: 'enforce', schema },
      { method: 'GET', url: '/report/:k', responseValidation: 'report', schema },
      { method: 'GET', url: '/off/:k', schema },
    ],
    respond,
  )
  for (const kind of ['good', 'other']) {
    for (const mode of ['enforce', 'report', 'off']) {
      assert.ok([200, 404].includes((await fetch(`${url}/${mode}/${kind}`)).status), `${mode} ${kind}`)
    }
  }
  for (const kind of ['bad', 'broken', 'type', 'big']) {
    const enforced = await fetch(`${url}/enforce/${kind}`)
    assert.equal(enforced.status, 502, kind)
    const text = await enforced.text()
    assert.equal(JSON.parse(text).code, 'GW_UPSTREAM_INVALID')
    assert.ok(text.length < 1000, 'nothing of the response leaks')
    const reported = await fetch(`${url}/report/${kind}`)
    assert.equal(reported.status, 200, kind)
    assert.ok((await reported.text()).length > 0)
  }
  const metrics = countedLines(app)
  assert.match(metrics, /gatehouse_response_violations_total\{upstream="a",route="GET \/enforce\/:k",status="200"\} 4/)
  assert.match(metrics, /gatehouse_response_violations_total\{upstream="a",route="GET \/report\/:k",status="200"\} 4/)
})

test('a schema that is none stops the boot', async (t) => {
  for (const [part, schema] of [
    ['body', { type: 'objekt' }],
    ['params', { properties: { id: { minimum: 'x' } } }],
    ['querystring', { type: 'object', properties: { a: { $ref: '#/$defs/none' } } }],
    ['body', { type: 'string', format: 'no-such-format' }],
    ['body', { type: 'string', pattern: '(' }],
    ['response', { 200: { type: 7 } }],
  ] as const) {
    const folder = await routesFolder(t, {
      'a.json': {
        name: 'a',
        auth: 'none',
        targets: ['http://127.0.0.1:1'],
        routes: [{ method: 'POST', url: '/:id', schema: { [part]: schema } }],
      },
    })
    await assert.rejects(
      buildApp(testConfig(folder)),
      (error: Error) => {
        assert.match(
          error.message,
          /a\.json.*schema\.(?:body|params|querystring|response)/,
          `${part}: ${error.message}`,
        )
        return true
      },
      `${part} ${JSON.stringify(schema)}`,
    )
  }
})

test('metrics are served where and to whom the configuration says', async (t) => {
  const files = {
    'a.json': { name: 'a', auth: 'none', targets: ['http://127.0.0.1:1'], routes: [{ method: 'GET', url: '/x' }] },
  }
  const off = await startGateway(t, files)
  assert.equal((await fetch(`${off.url}/metrics`)).status, 404)
  const on = await startGateway(t, files, { metrics: { path: '/internal/metrics', auth: 'none' } })
  const response = await fetch(`${on.url}/internal/metrics`)
  assert.match(await response.text(), /# TYPE gatehouse_response_violations_total counter/)
})
