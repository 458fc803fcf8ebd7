import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { loadText, problemsOf } from './document-folder.ts'

const ok = { responses: { 200: { description: 'OK' } } }
const document = (get: object, more: object = {}, method = 'get') => ({
  openapi: '3.1.0',
  info: { title: 'T', version: '1' },
  paths: { '/a': { [method]: { ...ok, ...get } } },
  ...more,
})
const swagger = (get: object, more: object = {}) => ({
  swagger: '2.0',
  info: { title: 'T', version: '1' },
  paths: { '/a': { post: { ...ok, ...get } } },
  ...more,
})
const schemas = (all: object) => document({}, { components: { schemas: all } })
const query = (parameter: object) => document({ parameters: [{ name: 'q', in: 'query', ...parameter }] })
const body = (content: object) => document({ requestBody: { content } }, {}, 'post')
const answer = (response: object) => document({ responses: { 200: { description: '', ...response } } })
const form = (encoding: object, type = 'multipart/form-data') =>
  body({ [type]: { schema: { allOf: [{ properties: { a: {} } }] }, encoding } })
const LIST = { type: 'array', items: { type: 'integer' } }
const objects = { schema: { type: 'object' } }

/** What is read and not enforced, and what is told of it; nothing where it is enforced after all. */
const NOTES: [object, RegExp | null][] = [
  [document({}, { servers: [{ url: 'https://api.example.com/v1' }] }), /the path of "servers" is documented only/],
  [document({}, { servers: [{ url: 'https://api.example.com/' }, { url: '//x' }, { url: '/' }] }), null],
  [document({ servers: [{ url: '/x' }] }), /servers of paths and operations are documented only/],
  [document({}, {}, 'trace'), /TRACE is never forwarded/],
  [document({ requestBody: { content: {} } }), /the body of a GET request has no meaning/],
  [document({ requestBody: { content: {} } }, {}, 'delete'), null],
  [document({ responses: {} }), /no responses, so any is allowed/],
  [document({ callbacks: { c: { x: { trace: {} } } } }), /callbacks are documented only/],
  [document({}, { webhooks: { w: { post: {} } } }), /webhooks are documented only/],
  [answer({ links: { l: { operationId: 'x' } } }), /links are documented only/],
  [answer({ headers: { 'Content-Type': {} } }), /a response header Content-Type is ignored/],
  [answer({ headers: { 'X-A': { style: 'form', schema: {} } } }), /the style of a header is always "simple"/],
  [answer({ content: { 'application/xml': objects } }), /only JSON and text responses/],
  [answer({ content: { 'application/pdf': {}, 'application/json': objects, 'text/csv': objects } }), null],
  [
    document({ parameters: [{ name: 'h', in: 'header', allowEmptyValue: true, schema: {} }] }),
    /"allowEmptyValue" is for parameters of a query/,
  ],
  [query({ style: 'deepObject', schema: LIST }), /"deepObject" is for objects/],
  [query({ style: 'deepObject', explode: true, schema: { type: 'object' } }), null],
  [query({ style: 'pipeDelimited', schema: { type: 'string' } }), /"pipeDelimited" is for lists and objects/],
  [
    query({ style: 'spaceDelimited', explode: true, schema: LIST }),
    /"explode" has no effect in the style "spaceDelimited"/,
  ],
  [query({ content: { 'application/xml': objects } }), null],
  [query({ schema: {}, examples: [1] }), /"examples" is not an object of Example Objects/],
  [body({ json: {} }), /a media type without a "\/" matches no body/],
  [body({ 'application/json; v=1': {}, 'application/json; v=2': {} }), /media types that differ only in parameters/],
  [body({ 'application/xml': objects }), /bodies in XML are forwarded unread/],
  [body({ 'multipart/mixed': objects }), /of multipart bodies, only "multipart\/form-data"/],
  [body({ 'application/x-ndjson': objects }), /neither JSON, form nor text, only the length/],
  [
    body({
      'image/*': { schema: { type: 'string', format: 'binary', maxLength: 9 } },
      'application/x+json': objects,
      'application/x-www-form-urlencoded': objects,
    }),
    null,
  ],
  [form({ a: { contentType: 'image/png' } }), null],
  [form({ b: { contentType: 'image/png' } }), /"encoding" names a field that the schema does not have/],
  [form({ a: { style: 'pipeDelimited' } }), /"style" and "explode" have no effect in "multipart/],
  [form({ a: { style: 'pipeDelimited' } }, 'application/x-www-form-urlencoded'), null],
  [form({ a: { headers: { 'X-A': { schema: {} } } } }), /headers of the parts of a form are documented only/],
  [form({ a: {} }, 'application/json'), /"encoding" is for forms in requests/],
  [schemas({ A: { type: 'string', nullable: true } }), /"nullable" has no effect since OpenAPI 3\.1/],
  [{ ...schemas({ A: { type: 'string', nullable: true } }), openapi: '3.0.3' }, null],
  [schemas({ A: { type: 'string', contentEncoding: 'base64' } }), /content that is encoded within a text/],
  [
    schemas({ A: { type: 'string', contentMediaType: 'application/json', contentSchema: {} } }),
    /content that is encoded within a text/,
  ],
  [
    {
      ...schemas({ A: { type: 'string', format: 'byte' }, B: { type: 'string', format: 'binary' } }),
      openapi: '3.0.3',
    },
    null,
  ],
  [schemas({ A: { type: 'string', format: 'int64' } }), /the format "int64" has no effect on this type/],
  [schemas({ A: { type: 'integer', format: 'date' } }), /the format "date" has no effect on this type/],
  [schemas({ A: { type: 'integer', format: 'seconds' } }), /the format "seconds" is documented only/],
  [schemas({ A: { type: 'object', xml: { name: 'a' } } }), /"xml" is documented only/],
  [schemas({ A: { discriminator: { propertyName: 'k' } } }), /a "discriminator" without "oneOf" or "anyOf"/],
  [
    schemas({ A: { oneOf: [{ type: 'object' }], discriminator: { propertyName: 'k' } } }),
    /a "discriminator" selects among references only/,
  ],
  [
    schemas({
      A: {
        oneOf: [{ $ref: '#/components/schemas/B' }],
        discriminator: { propertyName: 'k', mapping: { b: 'B', c: 'C' } },
      },
      B: {},
      C: {},
    }),
    /maps a value to a schema outside its union/,
  ],
  [
    schemas({
      A: {
        oneOf: [{ $ref: '#/components/schemas/B' }],
        discriminator: { propertyName: 'k', mapping: { b: 'B', c: '#/components/schemas/B' } },
      },
      B: {},
    }),
    null,
  ],
  [schemas({ A: { dependencies: { a: ['b'] } } }), /the field "dependencies" is not known there/],
  [schemas({ A: { 'x-internal': true } }), /"x-internal" is read at operations and paths/],
  [swagger({ schemes: ['https'] }), /"schemes" of an operation are ignored/],
  [
    swagger({ parameters: [{ name: 'a', in: 'formData', type: 'integer', allowEmptyValue: true }] }),
    /"allowEmptyValue" of a form is ignored/,
  ],
  [
    swagger({
      parameters: [
        { name: 'a', in: 'formData', ...LIST, collectionFormat: 'multi' },
        { name: 'b', in: 'query', ...LIST, collectionFormat: 'ssv' },
        { name: 'c', in: 'query', ...LIST, collectionFormat: 'pipes' },
        { name: 'd', in: 'header', ...LIST },
      ],
    }),
    null,
  ],
  [
    swagger({ parameters: [{ name: 'a', in: 'query', ...LIST, collectionFormat: 'tsv' }] }),
    /"collectionFormat: tsv" in a query or form is checked as text/,
  ],
  [
    swagger({ parameters: [{ name: 'a', in: 'query', type: 'array', items: { ...LIST, collectionFormat: 'pipes' } }] }),
    /the field "collectionFormat" is not known there/,
  ],
  [
    swagger({ responses: { 200: { description: '', headers: { 'X-A': { ...LIST, collectionFormat: 'pipes' } } } } }),
    /"collectionFormat: pipes" in a header is checked as text/,
  ],
]

test('what is not enforced is told', async (t) => {
  for (const [content, expected] of NOTES) {
    const { notes } = await loadText(t, JSON.stringify(content))
    const told = JSON.stringify(content)
    if (expected === null) assert.deepEqual(notes, [], told)
    else assert.match(notes.join('\n'), expected, told)
  }
})

/** What no request could be held against, or what would be lost. */
const REFUSED: [object, RegExp][] = [
  ...['/{p}{q}', '/{p}.x', '/{q}{p}', '/a{p}b'].map((path): [object, RegExp] => [
    {
      ...document({}),
      paths: {
        [path]: {
          get: {
            parameters: ['p', 'q'].map((name) => ({ name, in: 'path', required: true, style: 'matrix', schema: {} })),
            responses: {},
          },
        },
      },
    },
    /has \{[pq]\} of the style matrix in the segment ".*", allowed: \{[pq]\} alone, or after fixed text/,
  ]),
  [
    {
      ...document({}),
      paths: {
        '/{p}': { get: { parameters: [{ name: 'p', in: 'path', required: true, style: 'matrix' }], responses: {} } },
      },
    },
    /has \{p\} of the style matrix without a "schema"/,
  ],
  [{ ...document({}), paths: { '/a;b': {} } }, /has ";" or "\\", which the gateway refuses in paths/],
  [document({ 'x-internal': 'yes' }), /x-internal: is "yes", allowed: true or false/],
  [
    document({}, { 'x-gatehouse-rate-limit': { max: 1, window: '1s' } }),
    /x-gatehouse-rate-limit: stands where the gateway does not read it/,
  ],
  [
    document({ parameters: [{ name: 'q', in: 'query', schema: {}, 'x-gatehouse-cost': 2 }] }),
    /x-gatehouse-cost: stands where the gateway does not read it/,
  ],
  [document({ responses: { 'x-gatehouse-cache': {} } }), /x-gatehouse-cache: stands where/],
  [schemas({ A: { $dynamicRef: '#a' } }), /\$dynamicRef: is a dynamic reference/],
  [
    schemas({ A: { dependentRequired: { a: 'b' } } }),
    /dependentRequired: is an object, allowed: an object of lists of text/,
  ],
  [schemas({ A: { multipleOf: 0 } }), /multipleOf: is 0, allowed: a number above 0/],
  [
    answer({ content: { 'application/json': { examples: { a: { $ref: '#/components/examples/gone' } } } } }),
    /is "#\/components\/examples\/gone", which leads nowhere/,
  ],
  [
    answer({ content: { 'application/json': { examples: { a: { $ref: 'gone.json' } } } } }),
    /is "gone\.json", which cannot be read/,
  ],
]

test('what would be lost is refused', async (t: TestContext) => {
  for (const [content, expected] of REFUSED) {
    assert.match((await problemsOf(loadText(t, JSON.stringify(content)))).join('\n'), expected, JSON.stringify(content))
  }
})
