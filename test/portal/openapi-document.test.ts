import assert from 'node:assert/strict'
import { test } from 'node:test'
import Type from 'typebox'
import { OpenApiDocument } from '../../src/portal/openapi-document.ts'
import type { DocumentedRoute } from '../../src/portal/openapi-operation.ts'
import { validDocument } from '../support/valid-document.ts'

const route = (
  method: string | string[],
  url: string,
  schema: object = {},
  config: DocumentedRoute['config'] = {},
): DocumentedRoute => ({ method, url, schema, config: { auth: 'none', upstream: 'a', ...config } })

const securitySchemes = { jwt: { type: 'http', scheme: 'bearer' } }

/** The document of routes, once two independent validators have found it valid. */
async function documentOf(
  ...routes: [DocumentedRoute, shared?: Record<string, unknown>][]
): Promise<Record<string, any>> {
  const { paths, components } = new OpenApiDocument(routes, { securitySchemes })
  return validDocument({ openapi: '3.1.0', info: { title: 'T', version: '1' }, paths, components })
}
const schemaOf = (operation: any) => operation.requestBody.content['application/json'].schema

test('schemas stay what they are, and their references find their way', async () => {
  const Node = Type.Cyclic({ Node: Type.Object({ nodes: Type.Array(Type.Ref('Node')) }) }, 'Node')
  const body = Type.Object({
    kind: Type.Literal('x'),
    pair: Type.Tuple([Type.String(), Type.Integer()]),
    map: Type.Record(Type.String({ pattern: '^x-' }), Type.Null()),
  })
  const { paths, components } = await documentOf(
    [route('POST', '/nodes', { body: Node }, { responses: { 200: Node } })],
    [route('PUT', '/nodes', { body })],
    [
      route('POST', '/shared', { body: { $ref: 'thing#' } }),
      { thing: { $id: 'thing', type: 'string', nullable: true } },
    ],
    [route('POST', '/tree', { body: { type: 'array', items: { $ref: '#' } } })],
  )
  assert.deepEqual(schemaOf(paths['/nodes'].put), {
    type: 'object',
    required: ['kind', 'pair', 'map'],
    properties: {
      kind: { type: 'string', const: 'x' },
      pair: { type: 'array', prefixItems: [{ type: 'string' }, { type: 'integer' }], items: false, minItems: 2 },
      map: { type: 'object', patternProperties: { '^x-': { type: 'null' } } },
    },
  })
  assert.deepEqual(schemaOf(paths['/nodes'].post), { $ref: '#/components/schemas/a-post-nodes.body.Node' })
  assert.deepEqual(
    paths['/nodes'].post.responses['200'].content['application/json'].schema,
    { $ref: '#/components/schemas/a-post-nodes.body.Node' },
    'equal schemas are one component',
  )
  assert.equal(
    components.schemas['a-post-nodes.body.Node'].properties.nodes.items.$ref,
    '#/components/schemas/a-post-nodes.body.Node',
  )
  assert.deepEqual(components.schemas['a-post-shared.body.thing'], { type: ['string', 'null'] })
  assert.deepEqual(schemaOf(paths['/tree'].post), { $ref: '#/components/schemas/a-post-tree.body' })
  assert.deepEqual(components.schemas['a-post-tree.body'], {
    type: 'array',
    items: { $ref: '#/components/schemas/a-post-tree.body' },
  })
})

test('parameters come from the path and from schemas, references and parts included', async () => {
  const { paths } = await documentOf([
    route('GET', '/o/:id(\\d{1,(3)})/:name.:ext', {
      params: { properties: { id: { type: 'integer', description: 'Number.' } } },
      querystring: {
        $ref: '#/$defs/Page',
        $defs: {
          Page: { required: ['limit'], properties: { limit: { $ref: '#/$defs/Limit' } } },
          Limit: { type: 'integer' },
        },
      },
      headers: {
        allOf: [
          { properties: { 'x-tenant': { type: 'string', deprecated: true }, Authorization: {} } },
          { required: ['x-tenant'] },
        ],
      },
    }),
  ])
  assert.deepEqual(paths['/o/{id}/{name}.{ext}'].get.parameters, [
    { name: 'id', in: 'path', required: true, description: 'Number.', schema: { type: 'integer' } },
    { name: 'name', in: 'path', required: true, schema: { type: 'string' } },
    { name: 'ext', in: 'path', required: true, schema: { type: 'string' } },
    {
      name: 'limit',
      in: 'query',
      required: true,
      schema: { $ref: '#/components/schemas/a-get-o-id-name-ext.querystring.Limit' },
    },
    { name: 'x-tenant', in: 'header', required: true, deprecated: true, schema: { type: 'string' } },
  ])
})

test('paths of one shape are one path, whatever its parameters are called', async () => {
  const params = { properties: { name: { type: 'integer' } } }
  const { paths } = await documentOf(
    [route('GET', '/n/:id')],
    [route('DELETE', '/n/:name', { params })],
    [route('GET', '/v/:x?::verb')],
  )
  assert.deepEqual(Object.keys(paths), ['/n/{id}', '/v/{x}:verb'])
  assert.deepEqual(paths['/n/{id}'].delete.parameters, [
    { name: 'id', in: 'path', required: true, schema: { type: 'integer' } },
  ])
})

test('an operation stands in the document once; other methods stand beside it', () => {
  const document = new OpenApiDocument(
    [
      [route(['GET', 'POST', 'QUERY'], '/x', { operationId: 'same' })],
      [route('GET', '/x', {}, { hosts: ['other.example.com'] })],
      [route('GET', '/a-b')],
      [route('GET', '/a/b')],
    ],
    { securitySchemes },
  )
  assert.deepEqual(
    document.omitted.map(({ operation }) => operation),
    ['GET /x'],
  )
  const { paths, additionalOperations } = document as unknown as {
    paths: Record<string, any>
    additionalOperations: Record<string, any>
  }
  assert.deepEqual(Object.keys(paths), ['/x', '/a-b', '/a/b'])
  assert.deepEqual(Object.keys(paths['/x']), ['get', 'post'])
  assert.deepEqual(Object.keys(additionalOperations), ['/x'])
  assert.deepEqual(
    [paths['/x'].get, paths['/x'].post, additionalOperations['/x'].QUERY, paths['/a-b'].get, paths['/a/b'].get].map(
      ({ operationId }) => operationId,
    ),
    ['same', 'same-post', 'same-query', 'a-get-a-b', 'a-get-a-b-get'],
  )
})

test('answers, security and limits are those in force', async () => {
  const { paths } = await documentOf(
    [
      route(
        'POST',
        '/o',
        { body: { content: { 'text/csv': { schema: { type: 'string' } } } } },
        {
          auth: [{ jwt: { scopes: ['r', 'w'] } }, { jwt: {} }],
          limit: { max: 3, window: '1 minute' },
          responses: { 400: { type: 'object' } },
        },
      ),
    ],
    [route('GET', '/r', {}, { redirect: '308 https://example.com/' })],
    [route('GET', '/w', {}, { websocket: true, upstream: undefined })],
  )
  const { post } = paths['/o']
  assert.deepEqual(Object.keys(post.responses), ['400', '401', '403', '413', '415', '429', '502', '503', '504'])
  assert.deepEqual(Object.keys(post.responses['400'].content), ['application/json', 'application/problem+json'])
  assert.deepEqual(post.responses['401'], { $ref: '#/components/responses/Unauthorized' })
  assert.deepEqual(Object.keys(post.requestBody.content), ['text/csv'])
  assert.deepEqual(post.security, [{ jwt: ['r', 'w'] }, { jwt: [] }])
  assert.equal(post.description, 'Requires scope `r` and `w`.\n\nAt most 3 requests in 60 s for each consumer.')
  assert.deepEqual(Object.keys(paths['/r'].get.responses), ['308'])
  assert.equal(paths['/r'].get.security, undefined)
  assert.deepEqual(Object.keys(paths['/w'].get.responses), ['101', '426', '2XX'])
})
