import assert from 'node:assert/strict'
import { test } from 'node:test'
import { apiDocument, startApiGateway } from '../support/api-gateway.ts'
import { rawRequest } from '../support/raw-client.ts'

const ok = { responses: { 200: { description: 'OK' } } }
const Order = {
  type: 'object',
  properties: {
    limit: { type: 'integer', maximum: 10 },
    tags: { type: 'array', items: { type: 'string', maxLength: 3 } },
    role: { enum: ['user'] },
    pet: { type: 'object', properties: { age: { type: 'integer' } } },
  },
}
const FORM = 'application/x-www-form-urlencoded'
const document = apiDocument({
  '/orders': {
    get: {
      ...ok,
      parameters: [
        { name: 'limit', in: 'query', schema: { type: 'integer', maximum: 10 } },
        { name: 'user_id', in: 'query', schema: { type: 'integer' } },
        { name: 'ids[]', in: 'query', schema: { type: 'array', items: { type: 'integer' } } },
        { name: 'page[size]', in: 'query', schema: { type: 'integer' } },
        {
          name: 'filter',
          in: 'query',
          style: 'deepObject',
          explode: true,
          schema: { type: 'object', properties: { a: { type: 'integer' } } },
        },
        { name: 'sort', in: 'query', schema: { type: 'object', properties: { by: { type: 'string', maxLength: 3 } } } },
        { name: 'q', in: 'query', content: { 'application/json': { schema: Order } } },
        { name: 'X-Role', in: 'header', schema: { enum: ['user'] } },
        { name: 'role', in: 'cookie', schema: { enum: ['user'] } },
      ],
    },
    post: {
      ...ok,
      requestBody: {
        content: {
          'application/json': { schema: Order },
          [FORM]: { schema: Order },
          'multipart/form-data': { schema: Order },
        },
      },
    },
  },
})

test('no name goes on unchecked that a backend takes for a declared one', async (t) => {
  const { url, backend } = await startApiGateway(t, document)
  const get = async (query: string, headers = {}): Promise<number> =>
    (await fetch(`${url}/orders${query}`, { headers })).status
  for (const query of [
    'limit[]=99',
    'limit=5&limit[]=99',
    'limit[0]=99',
    'limit%5B%5D=99',
    'limit[',
    '+limit=99',
    '%20limit=99',
    'limit%00x=99',
    'user.id=x',
    'user%20id=x',
    'user+id=x',
    'filter=1',
    'by[]=long',
    'sort[by]=long&by[x]=long',
  ]) {
    assert.equal(await get(`?${query}`), 400, query)
  }
  for (const query of [
    'limit=5',
    'limits[]=99',
    'ids[]=1&ids[]=2',
    'page[size]=1&page[number]=x',
    'filter[a]=1',
    'by=abc',
    'other[]=1',
    'q={"limit":1}',
    '[]=1',
    '=1',
  ]) {
    assert.equal(await get(`?${query}`), 200, query)
  }
  for (const headers of [
    { x_role: 'admin' },
    { 'x.role': 'admin' },
    { 'X-Role': 'user', X_Role: 'admin' },
    { cookie: 'role[]=admin' },
    { cookie: 'role=user; role[0]=admin' },
  ]) {
    assert.equal(await get('', headers), 400, JSON.stringify(headers))
  }
  for (const headers of [{ 'x-role': 'user' }, { x_other: 'admin' }, { cookie: 'role=user; other[]=1' }]) {
    assert.equal(await get('', headers), 200, JSON.stringify(headers))
  }
  const reached = backend.received.length
  const post = async (type: string, body: string): Promise<number> =>
    (await fetch(`${url}/orders`, { method: 'POST', headers: { 'content-type': type }, body })).status
  for (const body of ['limit[]=99', 'tags[]=long', 'tags=a&tags[]=long', '+limit=99', '\ufefflimit=99']) {
    assert.equal(await post(FORM, body), 400, body)
  }
  const part = (name: string): string =>
    `--X\r\ncontent-disposition: form-data; name="${name}"\r\n\r\nlong\r\n--X--\r\n`
  for (const name of ['limit[]', 'tags[0]', ' limit']) {
    assert.equal(await post('multipart/form-data; boundary=X', part(name)), 400, name)
  }
  assert.equal(backend.received.length, reached)
  assert.equal(await post('multipart/form-data; boundary=X', part('other[]')), 200)
})

test('an object with a name twice is refused wherever JSON is checked, and only counted in report mode', async (t) => {
  const { url, backend } = await startApiGateway(t, document)
  const post = async (to: string, type: string, body: string): Promise<number> =>
    (await fetch(`${to}/orders`, { method: 'POST', headers: { 'content-type': type }, body })).status
  const json = '{"role":"admin","role":"user"}'
  assert.equal(await post(url, 'application/json', json), 400)
  assert.equal(await post(url, FORM, 'pet={"age":"x","age":1}'), 400)
  assert.equal(
    await post(
      url,
      'multipart/form-data; boundary=X',
      '--X\r\ncontent-disposition: form-data; name="pet"\r\n\r\n{"age":"x","age":1}\r\n--X--\r\n',
    ),
    400,
  )
  assert.equal((await fetch(`${url}/orders?q={"limit":99,"limit":1}`)).status, 400)
  assert.equal(backend.received.length, 0)
  const reporting = await startApiGateway(t, document, { requestValidation: 'report' })
  assert.equal(await post(reporting.url, 'application/json', json), 200)
  assert.equal(reporting.backend.received[0]!.body.toString(), json)
})

test('the limit of a body holds where the body is checked, from whoever states it', async (t) => {
  const body = (bytes: number): string => `{"note":"${'x'.repeat(bytes - 11)}"}`
  const limited = apiDocument({
    '/a': {
      post: {
        ...ok,
        'x-gatehouse-body-limit': '100B',
        requestBody: { content: { 'application/json': { schema: Order } } },
      },
    },
  })
  for (const [upstream, most] of [
    [{}, 100],
    [{ routes: [{ method: 'POST', url: '/a', bodyLimit: '2MiB' }] }, 2 * 2 ** 20],
  ] as const) {
    const { url, port, backend } = await startApiGateway(t, limited, upstream)
    const post = async (bytes: number): Promise<number> =>
      (await fetch(`${url}/a`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: body(bytes) }))
        .status
    assert.equal(await post(most), 200)
    assert.equal(await post(most + 1), 413)
    const chunk = body(most + 1)
    const chunked = await rawRequest(
      port,
      `POST /a HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n${chunk.length.toString(16)}\r\n${chunk}\r\n0\r\n\r\n`,
    )
    assert.equal(chunked.status, 413)
    assert.equal(backend.received.length, 1)
  }
})

test('a form that is wrong in every field is not read to its end', async (t) => {
  const { url } = await startApiGateway(t, document)
  const response = await fetch(`${url}/orders`, {
    method: 'POST',
    headers: { 'content-type': FORM },
    body: '%&'.repeat(500_000),
  })
  assert.equal(response.status, 400)
  assert.equal(((await response.json()) as { errors: unknown[] }).errors.length, 100)
})
