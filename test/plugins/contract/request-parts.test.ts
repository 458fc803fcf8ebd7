import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { startBackend } from '../../support/backend.ts'
import { startGateway } from '../../support/gateway.ts'
import { rawRequest } from '../../support/raw-client.ts'

const problem = async (response: Response) =>
  (await response.json()) as { code: string; errors: { in: string; pointer: string; expected: string }[] }

async function start(t: TestContext, routes: object[]) {
  const backend = await startBackend(t)
  const gateway = await startGateway(t, { 'a.json': { name: 'a', auth: 'none', targets: [backend.url], routes } })
  return { ...gateway, backend }
}

test('every violation of every part is listed in one answer, and the answer stays short', async (t) => {
  const { url, backend } = await start(t, [
    {
      method: 'POST',
      url: '/o/:id',
      schema: {
        params: { properties: { id: { type: 'integer' } } },
        querystring: { properties: { limit: { type: 'integer', maximum: 5 } } },
        headers: { required: ['X-Tenant'] },
        body: { type: 'array', items: { type: 'string' } },
      },
    },
  ])
  const post = (body: string) =>
    fetch(`${url}/o/x?limit=9`, { method: 'POST', body, headers: { 'content-type': 'application/json' } })
  const { code, errors } = await problem(await post('[1]'))
  assert.equal(code, 'GW_VALIDATION')
  assert.deepEqual(
    errors.sort((a, b) => a.in.localeCompare(b.in)),
    [
      { in: 'body', pointer: '/0', expected: 'string' },
      { in: 'headers', pointer: '', expected: 'a property "x-tenant"' },
      { in: 'params', pointer: '/id', expected: 'integer' },
      { in: 'query', pointer: '/limit', expected: 'at most 5' },
    ],
  )
  assert.equal((await problem(await post(JSON.stringify(Array(3000).fill(1))))).errors.length, 100)
  assert.equal(backend.received.length, 0)
})

test('a number that only JavaScript reads as one never reaches the upstream', async (t) => {
  const { url, backend } = await start(t, [
    { method: 'GET', url: '/o', schema: { querystring: { properties: { limit: { type: 'integer', maximum: 100 } } } } },
  ])
  for (const text of ['0x10', '%2010', '1e400', 'Infinity']) {
    assert.equal((await fetch(`${url}/o?limit=${text}`)).status, 400, text)
  }
  assert.equal(backend.received.length, 0)
})

test('a body with two Content-Type headers is refused', async (t) => {
  const { port, backend } = await start(t, [{ method: 'POST', url: '/any', schema: { body: { type: 'object' } } }])
  const response = await rawRequest(
    port,
    'POST /any HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nContent-Type: text/xml\r\ncontent-length: 2\r\n\r\n{}',
  )
  assert.equal(response.status, 415)
  assert.equal(backend.received.length, 0)
})

test('text is checked as text, and one route may take several types', async (t) => {
  const { url, backend } = await start(t, [
    {
      method: 'POST',
      url: '/any',
      schema: { consumes: ['application/json', 'text/*'], body: { type: ['object', 'string'], maxLength: 3 } },
    },
  ])
  const post = async (type: string, body: string | Buffer) =>
    (await fetch(`${url}/any`, { method: 'POST', body: body as string, headers: { 'content-type': type } })).status
  assert.equal(await post('text/plain', 'äöü'), 200)
  assert.equal(await post('text/csv; header=absent', 'a,bc'), 400)
  assert.equal(await post('text/plain', Buffer.from([0xff])), 400)
  assert.equal(await post('application/json', '{}'), 200)
  assert.equal(await post('application/json', '1'), 400)
  assert.equal(await post('application/xml', '<a/>'), 415)
  assert.deepEqual(
    backend.received.map(({ body }) => body.toString()),
    ['äöü', '{}'],
  )
})

test('a body in a form is text that stands for values, and its names are only names', async (t) => {
  const { url, backend } = await start(t, [
    {
      method: 'POST',
      url: '/form',
      schema: {
        consumes: ['application/x-www-form-urlencoded'],
        body: { type: 'object', properties: { n: { type: 'integer' } }, additionalProperties: false },
      },
    },
  ])
  const post = (body: string) =>
    fetch(`${url}/form`, { method: 'POST', body, headers: { 'content-type': 'application/x-www-form-urlencoded' } })
  assert.equal((await post('n=007')).status, 200)
  assert.equal(backend.received[0]!.body.toString(), 'n=007')
  assert.deepEqual((await problem(await post('n=x&__proto__=1'))).errors, [
    { in: 'body', pointer: '', expected: 'no property "__proto__"' },
    { in: 'body', pointer: '/n', expected: 'integer' },
  ])
})

test('bodies that no schema looks at pass whatever they are', async (t) => {
  const { port, backend } = await start(t, [{ method: 'POST', url: '/any' }])
  for (const head of [
    '',
    'content-type: application/json\r\n',
    'content-type: text/plain; charset=latin1\r\ncontent-encoding: gzip\r\n',
  ]) {
    assert.equal(
      (await rawRequest(port, `POST /any HTTP/1.1\r\nhost: x\r\n${head}content-length: 3\r\n\r\n{\xff[`)).status,
      200,
      head,
    )
  }
  assert.deepEqual(
    backend.received.map(({ body }) => body.toString('latin1')),
    ['{\xff[', '{\xff[', '{\xff['],
  )
})

test('handlers written by hand get values, shared schemas, and validators of their own choice', async (t) => {
  const { url } = await startGateway(t, {
    'hand.ts': `export default async (app) => {
      app.addSchema({ $id: 'page', type: 'object', properties: { limit: { type: 'integer', maximum: 5 }, all: { type: 'boolean' } } })
      const config = { auth: 'none' }
      app.get('/shared', { config, schema: { querystring: { $ref: 'page#' } } }, async (request) => request.query)
      app.get('/attached', { config, attachValidation: true, schema: { querystring: { $ref: 'page#' } } }, async (request) => request.validationError.extensions.errors)
      app.get('/own', { config, schema: { querystring: { not: 'a JSON Schema' } }, validatorCompiler: () => () => true }, async () => 'own')
      app.post('/input', { config, schema: { body: { type: 'object' } } }, async (request) => ({ valid: request.validateInput(request.body, { type: 'object', required: ['a'] }) }))
      app.get('/headers', { config, schema: { headers: { properties: { 'X-Count': { type: 'integer' } } } } }, async (request) => request.headers['x-count'])
    }`,
  })
  const get = async (path: string, headers = {}) => (await fetch(url + path, { headers })).json() as Promise<any>
  assert.deepEqual(await get('/shared?limit=3&all=true'), { limit: 3, all: true })
  assert.deepEqual((await get('/shared?limit=9')).errors, [{ in: 'query', pointer: '/limit', expected: 'at most 5' }])
  assert.deepEqual(await get('/attached?limit=9'), [{ in: 'query', pointer: '/limit', expected: 'at most 5' }])
  assert.equal(await (await fetch(`${url}/own`)).text(), 'own')
  const post = (body: string, type = 'application/json') =>
    fetch(`${url}/input`, { method: 'POST', body, headers: { 'content-type': type } })
  assert.deepEqual(await (await post('{"a":1}')).json(), { valid: true })
  assert.deepEqual(await (await post('{}')).json(), { valid: false })
  assert.equal((await post('{}', 'application/octet-stream')).status, 400, 'a stream is no object')
  assert.equal(await (await fetch(`${url}/headers`, { headers: { 'x-count': '5' } })).text(), '5')
  assert.equal((await fetch(`${url}/headers`, { headers: { 'x-count': 'many' } })).status, 400)
})
