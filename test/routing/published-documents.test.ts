import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { startApiGateway } from '../support/api-gateway.ts'
import { validDocument } from '../support/valid-document.ts'

const ok = { responses: { 200: { description: 'OK' } } }
const schema = (name: string) => ({ $ref: `#/components/schemas/${name}` })
const json = (value: object) => ({ content: { 'application/json': { schema: value } } })
const path = (name: string, type = 'string') => ({ name, in: 'path', required: true, schema: { type } })

async function start(t: TestContext, document: object, upstream: object = {}) {
  const { url, app, backend } = await startApiGateway(t, document, upstream)
  const status = async (method: string, at: string, body?: unknown, type = 'application/json') =>
    (
      await fetch(url + at, {
        method,
        ...(body === undefined
          ? {}
          : { headers: { 'content-type': type }, body: typeof body === 'string' ? body : JSON.stringify(body) }),
      })
    ).status
  return { status, app, backend }
}

/** A shop for pets of the kind that every tool is shown with. */
const shop = (version: string, kinds: object) => ({
  openapi: version,
  info: {
    title: 'Pets',
    version: '1.0.27',
    termsOfService: 'http://example.com/terms/',
    license: { name: 'Apache 2.0' },
  },
  servers: [{ url: '/api/v3' }],
  tags: [{ name: 'pet', description: 'Everything about your pets', externalDocs: { url: 'http://example.com' } }],
  paths: {
    '/pet': {
      put: {
        tags: ['pet'],
        operationId: 'updatePet',
        requestBody: {
          required: true,
          content: {
            'application/json': { schema: schema('Pet') },
            'application/xml': { schema: schema('Pet') },
            'application/x-www-form-urlencoded': { schema: schema('Pet') },
          },
        },
        responses: { 200: { description: 'ok', ...json(schema('Pet')) }, 400: { description: 'bad' } },
        security: [{ pet_auth: ['write:pets', 'read:pets'] }],
      },
      post: {
        tags: ['pet'],
        operationId: 'addPet',
        requestBody: { $ref: '#/components/requestBodies/Pet' },
        responses: { 405: { description: 'Invalid input' } },
        security: [{ pet_auth: ['write:pets'] }],
      },
    },
    '/pet/findByStatus': {
      get: {
        parameters: [
          {
            name: 'status',
            in: 'query',
            explode: true,
            schema: {
              type: 'array',
              items: { type: 'string', enum: ['available', 'pending', 'sold'], default: 'available' },
            },
          },
        ],
        responses: { 200: { description: 'ok', ...json({ type: 'array', items: schema('Pet') }) } },
        security: [{ api_key: [] }, { pet_auth: [] }],
      },
    },
    '/pet/{petId}': {
      get: { parameters: [{ ...path('petId', 'integer'), schema: { type: 'integer', format: 'int64' } }], ...ok },
      delete: {
        parameters: [{ name: 'api_key', in: 'header', schema: { type: 'string' } }, path('petId', 'integer')],
        ...ok,
      },
    },
    '/pet/{petId}/uploadImage': {
      post: {
        parameters: [path('petId', 'integer'), { name: 'additionalMetadata', in: 'query', schema: { type: 'string' } }],
        requestBody: { content: { 'application/octet-stream': { schema: { type: 'string', format: 'binary' } } } },
        ...ok,
      },
    },
    '/user/createWithList': {
      post: {
        requestBody: json({ type: 'array', items: schema('User') }),
        responses: { default: { description: 'ok' } },
      },
    },
  },
  components: {
    schemas: {
      Category: {
        type: 'object',
        properties: { id: { type: 'integer', format: 'int64', example: 1 }, name: { type: 'string' } },
        xml: { name: 'category' },
      },
      Pet: {
        type: 'object',
        required: ['name', 'photoUrls'],
        properties: {
          id: { type: 'integer', format: 'int64' },
          category: schema('Category'),
          name: { type: 'string', example: 'doggie' },
          photoUrls: { type: 'array', xml: { wrapped: true }, items: { type: 'string', xml: { name: 'photoUrl' } } },
          status: { type: 'string', enum: ['available', 'pending', 'sold'] },
          ...kinds,
        },
        xml: { name: 'pet' },
      },
      User: {
        type: 'object',
        properties: { username: { type: 'string' }, userStatus: { type: 'integer', format: 'int32' } },
      },
    },
    requestBodies: { Pet: { description: 'A pet', ...json(schema('Pet')) } },
    securitySchemes: {
      pet_auth: {
        type: 'oauth2',
        flows: {
          implicit: {
            authorizationUrl: 'https://example.com/oauth',
            scopes: { 'write:pets': 'modify', 'read:pets': 'read' },
          },
        },
      },
      api_key: { type: 'apiKey', name: 'api_key', in: 'header' },
    },
  },
})

for (const [version, nickname] of [
  ['3.0.3', { type: 'string', nullable: true }],
  ['3.1.0', { type: ['string', 'null'] }],
] as const) {
  test(`a shop for pets in OpenAPI ${version} is imported as it is, and its merged document is valid`, async (t) => {
    const { status, app } = await start(t, shop(version, { nickname }))
    const pet = { name: 'Rex', photoUrls: [], nickname: null }
    assert.equal(await status('PUT', '/pet', pet), 200)
    assert.equal(await status('PUT', '/pet', { ...pet, status: 'gone' }), 400)
    assert.equal(
      await status('PUT', '/pet', 'name=Rex&photoUrls=a&photoUrls=b', 'application/x-www-form-urlencoded'),
      200,
    )
    assert.equal(await status('PUT', '/pet', '<pet/>', 'application/xml'), 200)
    assert.equal(await status('PUT', '/pet', 'Rex', 'text/plain'), 415)
    assert.equal(await status('POST', '/pet', { name: 'Rex' }), 400)
    assert.equal(await status('GET', '/pet/findByStatus?status=sold&status=pending'), 200)
    assert.equal(await status('GET', '/pet/findByStatus?status=gone'), 400)
    assert.equal(await status('GET', '/pet/five'), 400)
    assert.equal(await status('POST', '/pet/5/uploadImage', 'bytes', 'application/octet-stream'), 200)
    assert.equal(await status('POST', '/user/createWithList', [{ userStatus: 'new' }]), 400)
    const { paths, components } = await validDocument(app.portal.whole.value)
    assert.equal(Object.keys(paths).length, 5)
    assert.deepEqual(components.schemas['api.Pet'].properties.nickname, { type: ['string', 'null'] })
  })
}

test('what large documents of others have is read: circles, odd paths, unknown formats, twice the same operationId', async (t) => {
  const kinds = Array.from({ length: 3000 }, (_, i) => `kind-${i}`)
  const { status, app, backend } = await start(t, {
    openapi: '3.0.3',
    info: { title: 'Odd', version: '1', 'x-origin': [{ url: 'https://example.com/v1.yaml' }] },
    security: [{}, { key: [] }],
    paths: {
      '/nodes/': {
        get: { operationId: 'same', ...ok },
        post: { operationId: 'same', requestBody: json(schema('Node')), ...ok },
      },
      '/nodes': { get: ok },
      '/accounts/{account-id}/@me': { get: { parameters: [path('account-id', 'integer')], ...ok } },
      '/v1/{name}:cancel': { post: { parameters: [path('name')], ...ok } },
      '/reports/{from}..{to}': { get: { parameters: [path('from', 'integer'), path('to', 'integer')], ...ok } },
      '/shapes': { post: { requestBody: json(schema('Shape')), ...ok } },
      '/kinds': {
        get: {
          parameters: [
            { name: 'kind', in: 'query', schema: { type: 'string', enum: kinds } },
            { name: 'Accept', in: 'header', schema: { type: 'string' } },
          ],
          ...ok,
        },
      },
      '/search?type=a': { get: ok },
    },
    components: {
      schemas: {
        Node: {
          type: 'object',
          required: ['id'],
          properties: {
            id: { type: 'integer', format: 'uint64' },
            parent: schema('Node'),
            children: { type: 'array', items: schema('Node') },
          },
          additionalProperties: schema('Node'),
          'x-was': { $ref: '#/definitions/Node' },
        },
        Shape: {
          type: 'object',
          required: ['kind'],
          properties: { kind: { type: 'string', required: true } },
          oneOf: [schema('Circle'), schema('Square')],
          discriminator: { propertyName: 'kind' },
        },
        Circle: {
          allOf: [
            schema('Shape'),
            { type: 'object', required: ['radius'], properties: { radius: { type: 'number' } } },
          ],
        },
        Square: {
          allOf: [
            schema('Shape'),
            { type: 'object', required: ['side'], properties: { side: { type: 'number' }, within: schema('Shape') } },
          ],
          example: { $ref: '#/components/examples/square' },
        },
      },
      securitySchemes: { key: { type: 'apiKey', name: 'key', in: 'query' } },
    },
  })
  for (const at of ['/nodes/', '/nodes', '/accounts/5/@me', '/reports/1..12', '/kinds?kind=kind-2999']) {
    assert.equal(await status('GET', at), 200, at)
  }
  assert.equal(await status('POST', '/v1/jobs:cancel'), 200)
  for (const at of ['/accounts/me/@me', '/reports/1..x', '/kinds?kind=kind-3000']) {
    assert.equal(await status('GET', at), 400, at)
  }
  assert.equal(
    await status('POST', '/nodes/', { id: 1, children: [{ id: 2, children: [{ id: 3 }] }], other: { id: 4 } }),
    200,
  )
  assert.equal(await status('POST', '/nodes/', { id: 1, children: [{ id: 2, children: [{}] }] }), 400)
  assert.equal(await status('POST', '/shapes', { kind: 'Square', side: 1, within: { kind: 'Circle', radius: 1 } }), 200)
  assert.equal(await status('POST', '/shapes', { kind: 'Square', side: 1, within: { kind: 'Circle', side: 1 } }), 400)
  assert.equal(await status('POST', '/shapes', { kind: 'Square', radius: 1 }), 400)
  assert.equal(await status('GET', '/search?type=a'), 404)
  assert.deepEqual(
    backend.received.filter(({ url }) => url!.startsWith('/nodes')).map(({ url }) => url),
    ['/nodes/', '/nodes', '/nodes/'],
  )
  const { components } = await validDocument(app.portal.whole.value)
  assert.equal(components.schemas['api.Node']['x-was'], undefined)
  assert.equal(components.schemas['api.Square'].example, undefined)
})
