import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import type { SchemaObject } from '../../../src/schema/json-schema.ts'
import { mockAnswer, type MockAnswer, type MockRequest } from '../../../src/openapi/mock/mock-answer.ts'
import { apiDocument } from '../../support/api-document.ts'

/** The mock of one operation with these responses. */
function mock(responses: SchemaObject, schemas: SchemaObject = {}) {
  const document = apiDocument({ openapi: '3.1.0', paths: { '/a': { get: { responses } } }, components: { schemas } })
  return (request: MockRequest = {}) => mockAnswer(document, document.operations[0]!, request) as MockAnswer
}
const json = (media: SchemaObject): SchemaObject => ({ description: '', content: { 'application/json': media } })
const body = ({ body }: MockAnswer): unknown => JSON.parse(body!)

const PET = {
  Pet: {
    type: 'object',
    required: ['id', 'name'],
    properties: {
      id: { type: 'integer', minimum: 1 },
      name: { type: 'string', examples: ['Rex'] },
      secret: { type: 'string', writeOnly: true },
      born: { type: 'string', format: 'date' },
      parent: { $ref: '#/components/schemas/Pet' },
      friends: { type: 'array', items: { $ref: '#/components/schemas/Pet' } },
    },
  },
}

test('the first successful response is answered, from the example', () => {
  const answer = mock({ 404: json({ example: 1 }), 201: json({ example: { id: 7 } }), 202: json({ example: 2 }) })()
  assert.deepEqual(answer, { status: 201, headers: { 'content-type': 'application/json' }, body: '{"id":7}' })
})

test('without an example the schema says what is answered', () => {
  assert.deepEqual(body(mock({ 200: json({ schema: { $ref: '#/components/schemas/Pet' } }) }, PET)()), {
    id: 1,
    name: 'Rex',
    born: '2019-08-24',
    friends: [],
  })
})

test('Prefer chooses the response and the example', () => {
  const ask = mock({
    200: json({
      examples: {
        one: { value: 1 },
        two: { $ref: '#/components/examples/Two' },
        'far away': { externalValue: 'http://x/y' },
      },
    }),
    404: json({ example: { gone: true } }),
    '5xx': json({ example: { failed: true } }),
    default: { description: '' },
  })
  assert.equal(ask().body, '1')
  assert.equal(ask({ prefer: 'example=one' }).headers['preference-applied'], 'example=one')
  const { status, headers } = ask({ prefer: 'respond-async, wait=10; x, Code="404"' })
  assert.deepEqual([status, headers['preference-applied']], [404, 'code=404'])
  assert.deepEqual(ask({ prefer: 'code=503' }).status, 503)
  assert.deepEqual(body(ask({ prefer: 'code=503' })), { failed: true })
  assert.deepEqual(ask({ prefer: 'code=302' }), {
    status: 302,
    headers: { 'preference-applied': 'code=302' },
    body: null,
  })
  for (const prefer of [
    'code=100',
    'code=abc',
    'code=99999',
    'example=none',
    'example="far away"',
    ',,,',
    '=',
    '"',
    'code',
    `code=${'9'.repeat(10_000)}`,
  ]) {
    const answer = ask({ prefer })
    assert.deepEqual([answer.status, answer.body, answer.headers['preference-applied']], [200, '1', undefined], prefer)
  }
})

test('without a default, a status that the document does not know is not answered', () => {
  assert.equal(mock({ 200: json({ example: 1 }) })({ prefer: 'code=404' }).status, 200)
})

test('Prefer takes example and code together, and names with spaces', () => {
  const ask = mock({
    200: json({ example: 1 }),
    409: json({ examples: { taken: { value: 2 }, 'too late': { value: 3 } } }),
  })
  const answer = ask({ prefer: 'code=409, example="too late"' })
  assert.deepEqual(answer, {
    status: 409,
    headers: { 'content-type': 'application/json', 'preference-applied': 'code=409, example="too late"' },
    body: '3',
  })
})

test('Accept chooses the media type', () => {
  const ask = mock({
    200: {
      description: '',
      content: {
        'application/json; charset=utf-8': { example: { a: 1 } },
        'text/plain': { example: 'a is 1' },
        'image/*': { example: 'GIF' },
      },
    },
    400: { description: '', content: { 'application/problem+json': { example: { status: 400 } } } },
  })
  const type = (accept?: string): string | undefined => ask({ accept }).headers?.['content-type']
  assert.equal(type(), 'application/json')
  assert.equal(type('*/*'), 'application/json')
  assert.equal(type('text/*'), 'text/plain; charset=utf-8')
  assert.equal(type('application/json;q=0.1, TEXT/plain;q=0.9'), 'text/plain; charset=utf-8')
  assert.equal(type('*/*;q=0.5, application/json;q=0'), 'text/plain; charset=utf-8')
  assert.equal(type('image/png'), 'image/png')
  assert.equal(type('nonsense'), 'application/json')
  assert.deepEqual(ask({ accept: 'application/xml' }), { offered: ['application/json', 'text/plain', 'image/*'] })
  assert.deepEqual(ask({ accept: 'text/plain', prefer: 'code=400' }).headers, {
    'content-type': 'application/problem+json',
    'preference-applied': 'code=400',
  })
})

test('responses without content have no body', () => {
  assert.deepEqual(mock({ 204: { description: '' } })(), { status: 204, headers: {}, body: null })
  assert.deepEqual(mock({ 204: json({ example: 1 }) })().body, null)
  assert.deepEqual(mock({})(), { status: 204, headers: {}, body: null })
  assert.equal(mock({ default: json({ example: 1 }) })().status, 200)
  assert.equal(mock({ '2XX': json({ example: 1 }) })().status, 200)
  assert.equal(mock({ 302: { description: '', headers: { Location: { example: '/b' } } } })().headers.Location, '/b')
})

test('headers come from their examples and schemas, and none breaks the message', () => {
  const headers = {
    'X-Total': { schema: { type: 'integer', minimum: 3 } },
    'X-Tags': { schema: { type: 'array', items: { type: 'string', enum: ['a'] } } },
    'X-Name': { example: 'Ann' },
    'X-Ref': { $ref: '#/components/headers/Ref' },
    'X-Split': { example: 'a\r\nSet-Cookie: b=c' },
    'X-Wide': { example: 'пример' },
    'not a name': { example: 'x' },
    'Content-Length': { example: 5 },
    'Transfer-Encoding': { example: 'chunked' },
    'Content-Encoding': { example: 'gzip' },
    'X-Gatehouse-Mock': { example: 'false' },
  }
  const document = apiDocument({
    openapi: '3.1.0',
    paths: { '/a': { get: { responses: { 204: { description: '', headers } } } } },
    components: { headers: { Ref: { example: 5 } } },
  })
  const { headers: found } = mockAnswer(document, document.operations[0]!, {}) as MockAnswer
  assert.deepEqual(found, { 'X-Total': '3', 'X-Tags': 'a', 'X-Name': 'Ann', 'X-Ref': '5' })
})

test('bodies of other media types are written in their form', () => {
  const schema = {
    type: 'object',
    properties: { id: { type: 'integer', example: 7 }, name: { type: 'string', example: 'a b' } },
    xml: { name: 'pet' },
  }
  const as = (type: string, media: SchemaObject = { schema }): string | null =>
    mock({ 200: { description: '', content: { [type]: media } } })().body
  assert.equal(as('application/x-www-form-urlencoded'), 'id=7&name=a+b')
  assert.equal(as('application/x-ndjson'), '{"id":7,"name":"a b"}\n')
  assert.equal(as('text/event-stream'), 'data: {"id":7,"name":"a b"}\n\n')
  assert.equal(as('application/hal+json'), '{"id":7,"name":"a b"}')
  assert.match(as('application/xml')!, /^<\?xml[^>]*>\s*<pet>\s*<id>7<\/id>\s*<name>a b<\/name>\s*<\/pet>\s*$/)
  assert.equal(as('application/xml', { example: '<a/>' }), '<a/>')
  assert.equal(as('application/json', { schema, example: '{"id": 1}' }), '{"id": 1}')
  assert.equal(as('application/json', { schema: { type: 'string' }, example: '1' }), '"1"')
  assert.equal(as('text/plain', { schema: { type: 'string', enum: ['x'] } }), 'x')
})

test('samples fit the schemas that they are made of', () => {
  const schemas: SchemaObject[] = [
    { type: ['null', 'string'], minLength: 10 },
    { type: 'integer', minimum: 1.5 },
    { type: 'number', exclusiveMinimum: 0, maximum: 0.5 },
    { type: 'integer', multipleOf: 7, minimum: 8 },
    { type: 'number', maximum: -3 },
    { type: 'integer', exclusiveMaximum: 0 },
    { type: 'string', pattern: '^[A-Z]{3}-[0-9]{4}$' },
    { type: 'string', format: 'date-time', minLength: 3 },
    { type: 'string', format: 'uuid' },
    { type: 'string', format: 'email' },
    { type: 'array', items: { type: 'string' }, minItems: 3 },
    { type: 'array', prefixItems: [{ type: 'integer' }, { const: 'b' }] },
    {
      allOf: [
        { type: 'object', required: ['a'], properties: { a: { type: 'string' } } },
        { required: ['b'], properties: { b: { $ref: '#/components/schemas/Pet' } } },
      ],
    },
    { oneOf: [{ type: 'null' }, { $ref: '#/components/schemas/Pet' }] },
    { $ref: '#/components/schemas/Pet', description: 'With words beside it.' },
    { type: 'object', additionalProperties: { type: 'integer' } },
    { anyOf: [{ const: 'on' }, { const: 'off' }] },
    { type: 'boolean' },
    true,
  ] as SchemaObject[]
  for (const schema of schemas) {
    const value = body(mock({ 200: json({ schema }) }, PET)())
    const ajv = new Ajv2020({ strict: false })
    addFormats.default(ajv)
    const holder = {
      $id: 'x',
      components: { schemas: PET },
      ...(typeof schema === 'object'
        ? JSON.parse(JSON.stringify(schema).replaceAll('#/components', 'x#/components'))
        : {}),
    }
    assert.ok(
      ajv.validate(JSON.parse(JSON.stringify(holder)), value),
      `${JSON.stringify(schema)}: ${JSON.stringify(value)}`,
    )
  }
})

test('schemas that are too much are answered all the same, within bounds', () => {
  const wide = (next: string): SchemaObject => ({
    type: 'object',
    properties: Object.fromEntries(
      Array.from({ length: 30 }, (_, i) => [`p${i}`, { $ref: `#/components/schemas/${next}` }]),
    ),
  })
  const schemas: SchemaObject = {
    ...Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`S${i}`, wide(`S${i + 1}`)])),
    S20: { type: 'string' },
    Self: { $ref: '#/components/schemas/Self' },
    Loop: { allOf: [{ $ref: '#/components/schemas/Loop' }] },
    Only: { type: 'object', required: ['again'], properties: { again: { $ref: '#/components/schemas/Only' } } },
    Long: { type: 'string', minLength: 1e9 },
    Many: {
      type: 'array',
      minItems: 1e9,
      items: { type: 'array', minItems: 1e9, items: { type: 'array', minItems: 1e9, items: { type: 'integer' } } },
    },
    Fat: { type: 'array', minItems: 20, items: { type: 'string', example: 'x'.repeat(500_000) } },
    Bomb: { type: 'string', pattern: '(a{999}){999}' },
    Proto: {
      type: 'object',
      properties: JSON.parse(
        '{"__proto__": {"type": "object", "properties": {"polluted": {"type": "boolean"}}}, "constructor": {"type": "string"}}',
      ),
    },
  }
  const started = process.cpuUsage()
  for (const name of ['S0', 'Self', 'Loop', 'Only', 'Long', 'Many', 'Fat', 'Bomb', 'Proto']) {
    const answer = mock({ 200: json({ schema: { $ref: `#/components/schemas/${name}` } }) }, schemas)()
    assert.ok((answer.body?.length ?? 0) < 12 * 1024 * 1024, name)
  }
  assert.ok(process.cpuUsage(started).user < 20_000_000)
  assert.equal(({} as Record<string, unknown>).polluted, undefined)
})

test('an answer is made once', () => {
  const ask = mock({ 200: json({ schema: { type: 'object' } }) })
  assert.equal(ask(), ask())
})
