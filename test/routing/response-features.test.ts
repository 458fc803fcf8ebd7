import assert from 'node:assert/strict'
import type { OutgoingHttpHeaders } from 'node:http'
import { test } from 'node:test'
import { apiDocument, startApiGateway } from '../support/api-gateway.ts'

interface Answer {
  status?: number
  headers?: OutgoingHttpHeaders
  body?: string
}

const JSON_TYPE = { 'content-type': 'application/json' }
const content = (schema: object, type = 'application/json') => ({ content: { [type]: { schema } } })
const INTEGER = { type: 'integer' }
const header = (header: object) => ({ 200: { description: '', headers: { 'X-A': header } } })

/** Of responses: what docs/openapi.md calls enforced, and what is none of its business. */
const FEATURES: Record<string, { responses: object; passes: Answer[]; refused: Answer[] }> = {
  'a status': {
    responses: { 200: { description: '' }, '4XX': { description: '' } },
    passes: [{}, { status: 404 }, { status: 418 }],
    refused: [{ status: 201 }, { status: 500 }],
  },
  'a status before its range, and a range before the default': {
    responses: {
      404: { description: '', ...content({ const: 'status' }) },
      '4xx': { description: '', ...content({ const: 'range' }) },
      default: { description: '', ...content({ const: 'default' }) },
    },
    passes: [
      { status: 404, headers: JSON_TYPE, body: '"status"' },
      { status: 410, headers: JSON_TYPE, body: '"range"' },
      { status: 200, headers: JSON_TYPE, body: '"default"' },
    ],
    refused: [
      { status: 404, headers: JSON_TYPE, body: '"range"' },
      { status: 410, headers: JSON_TYPE, body: '"default"' },
    ],
  },
  'no responses': { responses: {}, passes: [{}, { status: 500 }], refused: [] },
  'a schema': {
    responses: { 200: { description: '', ...content(INTEGER) } },
    passes: [{ headers: JSON_TYPE, body: '1' }],
    refused: [{ headers: JSON_TYPE, body: '"1"' }, { headers: JSON_TYPE, body: '{' }, {}],
  },
  'a media type': {
    responses: { 200: { description: '', ...content(INTEGER, 'application/*') } },
    passes: [{ headers: { 'content-type': 'application/vnd.x+json' }, body: '1' }],
    refused: [
      { headers: { 'content-type': 'application/vnd.x+json' }, body: '""' },
      { headers: { 'content-type': 'text/plain' }, body: '1' },
    ],
  },
  text: {
    responses: { 200: { description: '', ...content({ type: 'string', maxLength: 2 }, 'text/plain') } },
    passes: [{ headers: { 'content-type': 'text/plain' }, body: 'ab' }],
    refused: [{ headers: { 'content-type': 'text/plain' }, body: 'abc' }],
  },
  'XML and bytes: their media type alone': {
    responses: {
      200: { description: '', content: { 'application/xml': { schema: INTEGER }, 'image/png': { schema: INTEGER } } },
    },
    passes: [
      { headers: { 'content-type': 'application/xml' }, body: '<a' },
      { headers: { 'content-type': 'image/png' }, body: 'a' },
    ],
    refused: [{ headers: { 'content-type': 'image/gif' }, body: 'a' }],
  },
  'writeOnly may not come, readOnly must': {
    responses: {
      200: {
        description: '',
        ...content({
          type: 'object',
          required: ['id', 'secret'],
          properties: { id: { readOnly: true }, secret: { writeOnly: true } },
        }),
      },
    },
    passes: [{ headers: JSON_TYPE, body: '{"id":1}' }],
    refused: [
      { headers: JSON_TYPE, body: '{"id":1,"secret":1}' },
      { headers: JSON_TYPE, body: '{}' },
    ],
  },
  'a header': {
    responses: header({ required: true, schema: INTEGER }),
    passes: [{ headers: { 'x-a': '1' } }],
    refused: [{ headers: { 'x-a': 'a' } }, {}],
  },
  'a header with a list': {
    responses: header({ schema: { type: 'array', items: INTEGER } }),
    passes: [{ headers: { 'x-a': '1, 2' } }, {}],
    refused: [{ headers: { 'x-a': '1, a' } }],
  },
  'a header, exploded': {
    responses: header({ explode: true, schema: { type: 'object', properties: { b: INTEGER } } }),
    passes: [{ headers: { 'x-a': 'b=1' } }],
    refused: [{ headers: { 'x-a': 'b=a' } }],
  },
  'a header with content': {
    responses: header({ content: { 'application/json': { schema: { type: 'object', required: ['b'] } } } }),
    passes: [{ headers: { 'x-a': '{"b":1}' } }],
    refused: [{ headers: { 'x-a': '{}' } }, { headers: { 'x-a': '{' } }],
  },
}

test('responses', async (t) => {
  const rows = Object.entries(FEATURES)
  let answer: Answer = {}
  const respond = (_request: unknown, response: any) =>
    response.writeHead(answer.status ?? 200, answer.headers).end(answer.body)
  const { url } = await startApiGateway(
    t,
    apiDocument(Object.fromEntries(rows.map(([, { responses }], i) => [`/row-${i}`, { get: { responses } }]))),
    { responseValidation: 'enforce', outlierDetection: false, retries: false },
    { respond },
  )
  for (const [i, [name, { passes, refused }]] of rows.entries()) {
    const statusFor = async (given: Answer) => {
      answer = given
      const response = await fetch(`${url}/row-${i}`)
      await response.bytes()
      return response.status
    }
    for (const given of passes) {
      assert.equal(await statusFor(given), given.status ?? 200, `${name} passes: ${JSON.stringify(given)}`)
    }
    for (const given of refused) assert.equal(await statusFor(given), 502, `${name} refuses: ${JSON.stringify(given)}`)
  }
})
