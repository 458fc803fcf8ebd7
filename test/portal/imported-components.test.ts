import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OpenApiDocument } from '../../src/portal/openapi-document.ts'
import type { DocumentedRoute } from '../../src/portal/openapi-operation.ts'
import { importedDocument, importedRoutes } from '../support/imported-document.ts'
import { validDocument } from '../support/valid-document.ts'

const json = (schema: object) => ({ content: { 'application/json': { schema } } })
const schema = (name: string) => ({ $ref: `#/components/schemas/${name}` })
const answer = (name: string) => ({ description: 'Fine.', ...json(schema(name)) })

function made(routes: readonly DocumentedRoute[], single = false): Record<string, any> {
  const { paths, components, tags } = new OpenApiDocument(
    routes.map((route) => [route]),
    { single, securitySchemes: { jwt: { type: 'http', scheme: 'bearer' } } },
  )
  return { openapi: '3.1.0', info: { title: 'T', version: '1' }, tags, paths, components }
}

/** The document of routes, once two independent validators have found it valid. */
const documentOf = (routes: readonly DocumentedRoute[], single = false): Promise<Record<string, any>> =>
  validDocument(made(routes, single))

/** Every reference of a document leads somewhere. */
function assertResolved(document: Record<string, any>): void {
  const walk = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return
    const { $ref } = value as { $ref?: unknown }
    if (typeof $ref === 'string' && $ref.startsWith('#/')) {
      let found: any = document
      for (const token of decodeURIComponent($ref.slice(2)).split('/')) {
        found = found?.[token.replaceAll('~1', '/').replaceAll('~0', '~')]
      }
      assert.notEqual(found, undefined, $ref)
    }
    for (const part of Object.values(value)) walk(part)
  }
  walk({ paths: document.paths, components: document.components })
}

test('components of every kind that are reached come along under names with the upstream in front', async () => {
  const imported = importedDocument({
    paths: {
      '/items/{id}': {
        parameters: [{ $ref: '#/components/parameters/Id' }],
        post: {
          parameters: [
            { $ref: '#/components/parameters/Trace' },
            { name: 'filter', in: 'query', content: { 'application/json': { schema: schema('Item') } } },
          ],
          requestBody: { $ref: '#/components/requestBodies/Item' },
          responses: {
            200: { $ref: '#/components/responses/Item' },
            404: { $ref: '#/components/responses/Alias' },
            '5xx': { description: 'Broken.' },
          },
          callbacks: { changed: { $ref: '#/components/callbacks/Changed' } },
        },
      },
    },
    components: {
      schemas: {
        Item: { type: 'object', properties: { id: { type: 'integer' } } },
        Event: { type: 'object', properties: { item: schema('Item') } },
        Unused: schema('Item'),
      },
      parameters: {
        Id: { name: 'id', in: 'path', required: true, schema: schema('Item') },
        Trace: { $ref: '#/components/parameters/Real' },
        Real: { name: 'x-trace', in: 'header', schema: { type: 'string' } },
      },
      requestBodies: { Item: { ...json(schema('Item')), required: true } },
      responses: {
        Item: {
          description: 'One.',
          headers: { 'X-Rate': { $ref: '#/components/headers/Rate' } },
          content: {
            'application/json': { schema: schema('Item'), examples: { one: { $ref: '#/components/examples/One' } } },
          },
        },
        Alias: { $ref: '#/components/responses/Missing' },
        Missing: { description: 'None.' },
      },
      headers: { Rate: { schema: { type: 'integer' } } },
      examples: { One: { value: { id: 1 } } },
      callbacks: { Changed: { '{$request.query.url}': { $ref: '#/components/pathItems/Hook' } } },
      pathItems: {
        Hook: {
          post: {
            operationId: 'hook',
            tags: ['hooks'],
            security: [{ theirs: [] }],
            requestBody: json(schema('Event')),
            responses: { 204: { description: 'Heard.' } },
          },
        },
      },
      securitySchemes: { theirs: { type: 'apiKey', name: 'k', in: 'query' } },
    },
  })
  const document = await documentOf(importedRoutes(imported))
  assertResolved(document)
  const { post } = document.paths['/orders/items/{id}']
  assert.deepEqual(post.parameters, [
    { $ref: '#/components/parameters/orders.Id' },
    { name: 'filter', in: 'query', content: { 'application/json': { schema: schema('orders.Item') } } },
    { $ref: '#/components/parameters/orders.Trace' },
  ])
  assert.deepEqual(Object.keys(document.components.schemas), ['Problem', 'orders.Event', 'orders.Item'])
  assert.deepEqual(document.components.parameters['orders.Trace'], { $ref: '#/components/parameters/orders.Real' })
  assert.deepEqual(document.components.responses['orders.Item'].headers, {
    'X-Rate': { $ref: '#/components/headers/orders.Rate' },
  })
  assert.deepEqual(document.components.examples['orders.One'], { value: { id: 1 } })
  assert.deepEqual(document.components.callbacks['orders.Changed'], {
    '{$request.query.url}': { $ref: '#/components/pathItems/orders.Hook' },
  })
  assert.deepEqual(document.components.pathItems['orders.Hook'].post, {
    operationId: 'hook',
    requestBody: json(schema('orders.Event')),
    responses: { 204: { description: 'Heard.' } },
  })
  assert.deepEqual(document.components.securitySchemes, { jwt: { type: 'http', scheme: 'bearer' } })
  assert.deepEqual(Object.keys(post.responses), ['200', '400', '404', '413', '415', '502', '503', '504', '5XX'])
  assert.deepEqual(Object.keys((await documentOf(importedRoutes(imported), true)).components.schemas), [
    'Event',
    'Item',
    'Problem',
  ])
})

test('an error answer that both give has both forms, and is one component', async () => {
  const problem = { type: 'object', title: 'Theirs' }
  const imported = importedDocument({
    paths: Object.fromEntries(
      ['/a', '/b'].map((path) => [
        path,
        {
          put: {
            requestBody: json({}),
            responses: {
              200: { description: 'Fine.' },
              400: { $ref: '#/components/responses/Bad' },
              413: { description: 'Large.' },
              415: { description: 'Odd.', content: { 'application/problem+json': { schema: problem } } },
            },
          },
        },
      ]),
    ),
    components: { responses: { Bad: { description: 'Bad.', ...json({ type: 'string' }) } } },
  })
  const { paths, components } = await documentOf(importedRoutes(imported))
  const { responses } = paths['/orders/a'].put
  assert.deepEqual(responses['400'], { $ref: '#/components/responses/orders.Bad-or-Problem' })
  assert.deepEqual(paths['/orders/b'].put.responses['400'], responses['400'])
  const problems = (...codes: string[]) => ({
    schema: schema('Problem'),
    examples: Object.fromEntries(codes.map((code) => [code, { $ref: `#/components/examples/${code}` }])),
  })
  assert.deepEqual(components.responses['orders.Bad-or-Problem'], {
    description: 'Bad.',
    content: {
      'application/json': { schema: { type: 'string' } },
      'application/problem+json': problems('GW_VALIDATION', 'GW_MALFORMED_BODY'),
    },
  })
  assert.deepEqual(responses['413'], {
    description: 'Large.',
    content: { 'application/problem+json': problems('GW_BODY_TOO_LARGE') },
  })
  assert.deepEqual(responses['415'].content['application/problem+json'].schema, { anyOf: [problem, schema('Problem')] })
  assert.deepEqual(responses['502'], { $ref: '#/components/responses/UpstreamFailed' })
})

test('a shared answer that stands for two statuses has the errors of each', async () => {
  const bad = { $ref: '#/components/responses/Bad' }
  const { paths, components } = await documentOf(
    importedRoutes(
      importedDocument({
        paths: { '/a': { put: { requestBody: json({}), responses: { 400: bad, 413: bad } } } },
        components: { responses: { Bad: { description: 'Bad.' } } },
      }),
    ),
  )
  const { responses } = paths['/orders/a'].put
  const codesOf = ({ $ref }: { $ref: string }): string[] =>
    Object.keys(
      components.responses[$ref.replace('#/components/responses/', '')].content['application/problem+json'].examples,
    )
  assert.deepEqual(codesOf(responses['400']), ['GW_VALIDATION', 'GW_MALFORMED_BODY'])
  assert.deepEqual(codesOf(responses['413']), ['GW_BODY_TOO_LARGE'])
})

test('names that collide, or that no component may have, are names of their own', async () => {
  const body = (...names: string[]) =>
    importedDocument({
      paths: {
        '/x': {
          get: {
            responses: {
              200: {
                description: 'x',
                ...json({
                  anyOf: names.map((name) => ({
                    $ref: `#/components/schemas/${encodeURIComponent(name.replaceAll('~', '~0').replaceAll('/', '~1'))}`,
                  })),
                }),
              },
            },
          },
        },
      },
      components: { schemas: Object.fromEntries(names.map((name) => [name, { title: name }])) },
    })
  const files: DocumentedRoute[][] = [
    [
      ...importedRoutes(body('a b', 'a«b', 'a/b', 'a~1b', 'é', '', 'constructor', 'c.D'), { upstream: 'b' }),
      {
        method: 'POST',
        url: '/h',
        schema: { operationId: 'b', body: { $ref: '#/$defs/c.D', $defs: { 'c.D': { type: 'null' } } } },
        config: { auth: 'none', upstream: 'b' },
      },
    ],
    importedRoutes(body('D', 'Problem'), { upstream: 'b-c' }),
    importedRoutes(body('x'), { upstream: 'a' }),
    [{ method: 'GET', url: '/z', config: { auth: 'none' } }],
    [{ method: 'GET', url: '/y', config: { auth: 'none' } }],
  ]
  const document = await documentOf(files.flat())
  assertResolved(document)
  const titles = Object.fromEntries(
    Object.entries<any>(document.components.schemas).map(([name, { title }]) => [name, title]),
  )
  assert.deepEqual(titles, {
    Problem: 'Problem',
    'a.x': 'x',
    'b-c.D': 'D',
    'b-c.Problem': 'Problem',
    'b.': '',
    'b.-': 'é',
    'b.a-b': 'a b',
    'b.a-b-2': 'a«b',
    'b.a-b-3': 'a/b',
    'b.a-1b': 'a~1b',
    'b.body.c.D': undefined,
    'b.c.D': 'c.D',
    'b.constructor': 'constructor',
  })
  assert.equal(
    JSON.stringify(made(files.toReversed().flat())),
    JSON.stringify(document),
    'the order of files does not matter',
  )
  const single = await documentOf(importedRoutes(body('D', 'Problem')), true)
  assert.deepEqual(Object.keys(single.components.schemas), ['D', 'Problem', 'Problem-2'])
})

test('schemas may go in circles, and be referred to from anywhere', async () => {
  const imported = importedDocument({
    paths: {
      '/tree': {
        get: {
          operationId: 'tree',
          responses: {
            200: answer('Node'),
            201: {
              description: 'a',
              ...json({ $ref: '#/paths/~1tree/get/responses/202/content/application~1json/schema/properties/deep' }),
            },
            202: {
              description: 'b',
              ...json({
                type: 'object',
                properties: {
                  deep: {
                    type: 'array',
                    items: { $ref: '#/paths/~1tree/get/responses/202/content/application~1json/schema' },
                  },
                },
              }),
            },
          },
        },
      },
      '/parts': {
        get: {
          responses: {
            200: {
              description: 'c',
              ...json({
                allOf: [
                  { $ref: '#/components/schemas/Node/properties/left%20side' },
                  { $ref: '#/x-shared/Own' },
                  schema('One'),
                ],
              }),
            },
          },
        },
      },
    },
    components: {
      schemas: {
        Node: {
          $id: 'https://example.com/node',
          $anchor: 'node',
          type: 'object',
          properties: { 'left side': schema('Node'), discriminator: { type: 'string' } },
        },
        One: schema('Two'),
        Two: schema('Three'),
        Three: { title: 'At last' },
      },
    },
    'x-shared': { Own: { type: 'object', properties: { up: { $ref: '#/x-shared/Own' } } } },
  })
  const document = await documentOf(importedRoutes(imported))
  assertResolved(document)
  const { schemas } = document.components
  assert.deepEqual(schemas['orders.Node'], {
    type: 'object',
    properties: { 'left side': schema('orders.Node'), discriminator: { type: 'string' } },
  })
  assert.deepEqual(document.paths['/orders/parts'].get.responses['200'].content['application/json'].schema, {
    allOf: [
      { $ref: '#/components/schemas/orders.Node/properties/left%20side' },
      schema('orders.x-shared-Own'),
      schema('orders.One'),
    ],
  })
  assert.deepEqual(schemas['orders.x-shared-Own'].properties.up, schema('orders.x-shared-Own'))
  assert.deepEqual(schemas['orders.Two'], schema('orders.Three'))
  assert.deepEqual(document.paths['/orders/tree'].get.responses['201'].content['application/json'].schema, {
    $ref: '#/components/schemas/orders.tree-get-responses-202-content-application-json-schema/properties/deep',
  })
})

test('what only looks like a reference stays where it says something of values, and goes where tools would follow it in vain', () => {
  // no validators here: they take whatever is called $ref for a reference
  const data = { $ref: '#/components/schemas/Elsewhere' }
  const plain = {
    properties: { $ref: { type: 'string' } },
    enum: [data],
    const: data,
    default: data,
    example: data,
    examples: [data],
    'x-data': data,
  }
  const imported = importedDocument({
    paths: {
      '/x': {
        get: {
          'x-data': data,
          responses: {
            200: {
              description: 'x',
              'x-data': data,
              content: {
                'application/json': { schema: schema('Plain'), example: data, examples: { one: { value: data } } },
              },
            },
            'x-data': data,
          },
        },
      },
    },
    components: { schemas: { Plain: plain } },
  })
  const { paths, components } = made(importedRoutes(imported))
  const { properties, enum: allowed, const: only, default: usual } = plain
  assert.deepEqual(components.schemas['orders.Plain'], { properties, enum: allowed, const: only, default: usual })
  const { get } = paths['/orders/x']
  assert.deepEqual([get['x-data'], get.responses['x-data']], [undefined, undefined])
  assert.deepEqual(get.responses['200'], {
    description: 'x',
    content: { 'application/json': { schema: schema('orders.Plain'), examples: { one: {} } } },
  })
})

test('discriminators keep their values, whatever the schemas are called', async () => {
  const kind = { type: 'object', properties: { kind: { type: 'string' } } }
  const imported = importedDocument({
    paths: {
      '/pets': {
        get: {
          responses: {
            200: {
              description: 'a',
              ...json({
                oneOf: [schema('Cat'), schema('Dog'), schema('Bird')],
                discriminator: {
                  propertyName: 'kind',
                  mapping: { cat: 'Cat', dog: '#/components/schemas/Dog', fish: 'https://example.com/fish.json' },
                },
              }),
            },
            201: answer('Base'),
          },
        },
      },
    },
    components: {
      schemas: {
        Cat: kind,
        Dog: kind,
        Bird: kind,
        Base: { ...kind, discriminator: { propertyName: 'kind', mapping: { first: 'Heir' } } },
        Heir: { allOf: [schema('Base'), {}] },
        Second: { allOf: [schema('Base')] },
        Grandchild: { allOf: [schema('Second')] },
        Stranger: { allOf: [schema('Cat')] },
      },
    },
  })
  const document = await documentOf(importedRoutes(imported))
  assertResolved(document)
  const of = (name: string) => `#/components/schemas/orders.${name}`
  const { responses } = document.paths['/orders/pets'].get
  assert.deepEqual(responses['200'].content['application/json'].schema.discriminator, {
    propertyName: 'kind',
    mapping: { cat: of('Cat'), dog: of('Dog'), fish: 'https://example.com/fish.json', Bird: of('Bird') },
  })
  const { schemas } = document.components
  assert.deepEqual(schemas['orders.Base'].discriminator.mapping, {
    first: of('Heir'),
    Second: of('Second'),
    Grandchild: of('Grandchild'),
  })
  assert.ok(!('orders.Stranger' in schemas) && 'orders.Grandchild' in schemas)
  assert.deepEqual((await documentOf(importedRoutes(imported), true)).components.schemas.Base.discriminator, {
    propertyName: 'kind',
    mapping: { first: schema('Heir').$ref },
  })
})

test('links lead to the operations under their new names; those that lead to none are left out', async () => {
  const imported = importedDocument({
    paths: {
      '/a': {
        get: {
          operationId: 'same',
          responses: {
            200: {
              description: 'a',
              links: {
                id: {
                  operationId: 'read',
                  parameters: { 'path.item-id': '$response.body#/id' },
                  server: { url: 'http://10.0.0.1' },
                },
                ref: { operationRef: '#/paths/~1a~1%7Bitem-id%7D/get' },
                far: { operationRef: 'https://example.com/api.json#/paths/~1x/get' },
                gone: { operationId: 'hidden' },
                nothing: { operationRef: '#/paths/~1nowhere/get' },
                loop: { $ref: '#/components/links/Loop' },
                shared: { $ref: '#/components/links/Read' },
                hidden: { $ref: '#/components/links/Hidden' },
              },
            },
          },
        },
      },
      '/a/{item-id}': {
        get: {
          operationId: 'read',
          parameters: [
            { name: 'item-id', in: 'path', required: true, description: 'Which.', schema: { type: 'string' } },
          ],
          responses: { 200: { description: 'b' } },
        },
      },
    },
    components: {
      links: {
        Read: { operationId: 'same' },
        Hidden: { operationId: 'hidden' },
        Loop: { $ref: '#/components/links/Loop' },
      },
    },
  })
  const first: DocumentedRoute = {
    method: 'GET',
    url: '/a',
    schema: { operationId: 'same' },
    config: { auth: 'none', upstream: 'a' },
  }
  const before = importedRoutes(
    importedDocument({
      paths: {
        '/a/{id}': {
          put: {
            parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }],
            responses: { 200: { description: 'c' } },
          },
        },
      },
    }),
    { upstream: 'b', prefix: '/orders' },
  )
  const document = await documentOf([first, ...before, ...importedRoutes(imported)])
  assert.deepEqual(document.paths['/orders/a'].get.responses['200'].links, {
    id: { operationId: 'read', parameters: { 'path.id': '$response.body#/id' } },
    ref: { operationRef: '#/paths/~1orders~1a~1%7Bid%7D/get' },
    far: { operationRef: 'https://example.com/api.json#/paths/~1x/get' },
    shared: { $ref: '#/components/links/orders.Read' },
  })
  assert.deepEqual(document.components.links, { 'orders.Read': { operationId: 'orders-same' } })
  assert.deepEqual(document.paths['/orders/a/{id}'].get.parameters, [
    { name: 'id', in: 'path', required: true, description: 'Which.', schema: { type: 'string' } },
  ])
  const alone = await documentOf(importedRoutes(imported))
  assert.deepEqual(Object.keys(alone.paths), ['/orders/a', '/orders/a/{item-id}'], 'names that the router cannot have')
})
