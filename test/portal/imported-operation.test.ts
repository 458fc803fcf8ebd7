import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OpenApiDocument } from '../../src/portal/openapi-document.ts'
import { importedDocument, importedRoutes } from '../support/imported-document.ts'
import { validDocument } from '../support/valid-document.ts'

const text = { schema: { type: 'string' } }

test('an operation is that of its document, with security, sections, servers and limits of the gateway', async () => {
  const imported = importedDocument({
    security: [{ theirs: [] }],
    servers: [{ url: 'http://10.0.0.1' }],
    paths: {
      '/a/{id}': {
        summary: 'Of the path',
        'x-owner': 'path',
        'x-team': 'a',
        servers: [{ url: 'http://10.0.0.2' }],
        parameters: [
          { name: 'id', in: 'path', required: true, ...text },
          { name: 'q', in: 'query', ...text },
          { name: 'Accept', in: 'header', ...text },
        ],
        get: {
          tags: ['theirs'],
          description: 'Words.',
          deprecated: true,
          externalDocs: { url: 'https://example.com' },
          security: [{ theirs: [] }],
          servers: [{ url: 'http://10.0.0.3' }],
          'x-owner': 'operation',
          'x-gatehouse-rate-limit': 5,
          'x-internal': false,
          parameters: [
            {
              name: 'q',
              in: 'query',
              style: 'pipeDelimited',
              explode: false,
              schema: { type: 'array', items: { type: 'string' } },
            },
            { name: 'session', in: 'cookie', ...text },
          ],
          responses: { 200: { description: 'Fine.' } },
        },
      },
    },
  })
  const routes = importedRoutes(imported, {
    config: { auth: { jwt: { scopes: ['r'] } }, hosts: ['api.example.com'], limit: { max: 3, window: '1 minute' } },
  })
  const { paths, components } = new OpenApiDocument(
    routes.map((route) => [route]),
    { securitySchemes: { jwt: { type: 'http', scheme: 'bearer' } } },
  )
  const { get } = (await validDocument({ openapi: '3.1.0', info: { title: 'T', version: '1' }, paths, components }))
    .paths['/orders/a/{id}']
  const { responses, 'x-rate-limit': limits, ...rest } = get
  assert.deepEqual(rest, {
    tags: ['orders'],
    summary: 'Of the path',
    description: 'Words.\n\nRequires scope `r`.\n\nAt most 3 requests in 60 s for each consumer.',
    externalDocs: { url: 'https://example.com' },
    operationId: 'orders-get-orders-a-id',
    parameters: [
      { name: 'id', in: 'path', required: true, ...text },
      {
        name: 'q',
        in: 'query',
        style: 'pipeDelimited',
        explode: false,
        schema: { type: 'array', items: { type: 'string' } },
      },
      { name: 'session', in: 'cookie', ...text },
    ],
    deprecated: true,
    security: [{ jwt: ['r'] }],
    servers: [{ url: 'https://api.example.com' }],
    'x-owner': 'operation',
    'x-team': 'a',
  })
  assert.equal(limits.length, 1)
  assert.deepEqual(Object.keys(responses), ['200', '400', '401', '403', '429', '502', '503', '504'])
})

test('what the route of the file says goes before the document', () => {
  const body = { content: { 'application/json': { schema: { title: 'theirs' } } } }
  const imported = importedDocument({
    paths: {
      '/a/{item-id}': {
        post: {
          summary: 'Theirs',
          operationId: 'theirs',
          deprecated: true,
          requestBody: body,
          parameters: [
            { name: 'item-id', in: 'path', required: true, ...text },
            { name: 'q', in: 'query', ...text },
            { name: 'x-a', in: 'header', ...text },
          ],
          responses: { 200: { description: 'Theirs.' }, 201: { description: 'Theirs.' } },
        },
      },
    },
  })
  const schema = {
    summary: 'Ours',
    operationId: 'ours',
    deprecated: false,
    body: { title: 'ours' },
    querystring: { type: 'object', properties: { page: { type: 'integer' } } },
    params: { type: 'object', properties: { p: { type: 'integer' } } },
  }
  const routes = importedRoutes(imported, {
    schema,
    config: { responses: { 200: { type: 'object', description: 'Ours.' } }, requestValidation: 'off' },
  })
  const { post } = new OpenApiDocument(routes.map((route) => [route])).paths['/orders/a/{item-id}'] as Record<
    string,
    any
  >
  assert.deepEqual([post.summary, post.operationId, post.deprecated], ['Ours', 'ours', undefined])
  assert.deepEqual(
    post.parameters.map(({ name, schema: { type } }: any) => [name, type]),
    [
      ['item-id', 'integer'],
      ['page', 'integer'],
      ['x-a', 'string'],
    ],
  )
  assert.deepEqual(post.requestBody.content['application/json'].schema, { title: 'ours' })
  assert.deepEqual([post.responses['200'].description, post.responses['201'].description], ['Ours.', 'Theirs.'])
  const [unchecked] = importedRoutes(imported, { config: { requestValidation: 'report' } })
  const documented = new OpenApiDocument([[unchecked!]]).paths['/orders/a/{item-id}'] as Record<string, any>
  assert.deepEqual(
    Object.keys(documented.post.responses),
    ['200', '201', '502', '503', '504'],
    'what is not enforced is not answered',
  )
})

test(
  'a document with a thousand operations, and as many schemas with one name, is made in a moment',
  { timeout: 60_000 },
  () => {
    const numbers = Array.from({ length: 1000 }, (_, i) => i)
    // no component may have such a name: all of them become one, with a number
    const name = (i: number): string => '«'.repeat(i + 1)
    const imported = importedDocument({
      paths: Object.fromEntries(
        numbers.map((i) => [
          `/r${i}`,
          {
            get: {
              operationId: 'same',
              responses: {
                200: {
                  description: 'x',
                  content: {
                    'application/json': { schema: { $ref: `#/components/schemas/${encodeURIComponent(name(i))}` } },
                  },
                },
              },
            },
          },
        ]),
      ),
      components: {
        schemas: Object.fromEntries(
          numbers.map((i) => [
            name(i),
            { properties: { next: { $ref: `#/components/schemas/${encodeURIComponent(name((i + 1) % 1000))}` } } },
          ]),
        ),
      },
    })
    const { paths, components } = new OpenApiDocument(importedRoutes(imported).map((route) => [route]))
    assert.equal(new Set(Object.values<any>(paths).map(({ get }) => get.operationId)).size, 1000)
    assert.equal(Object.keys(components.schemas!).length, 1001)
    assert.ok('orders.--1000' in components.schemas!)
  },
)
