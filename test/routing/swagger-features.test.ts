import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startApiGateway } from '../support/api-gateway.ts'

const ok = { responses: { 200: { description: 'OK' } } }
const INTEGERS = { type: 'array', items: { type: 'integer' } }
const FORM = { 'content-type': 'application/x-www-form-urlencoded' }
const MULTIPART = { 'content-type': 'multipart/form-data; boundary=b' }
const JSON_TYPE = { 'content-type': 'application/json' }
const part = (disposition: string, text: string) =>
  `--b\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n${text}\r\n--b--\r\n`

const DOCUMENT = {
  swagger: '2.0',
  info: { title: 'T', version: '1' },
  paths: {
    '/lists': {
      get: {
        ...ok,
        parameters: ['csv', 'ssv', 'pipes', 'multi', 'tsv'].map((collectionFormat) => ({
          name: collectionFormat,
          in: 'query',
          ...INTEGERS,
          collectionFormat,
        })),
      },
    },
    '/empty': { get: { ...ok, parameters: [{ name: 'q', in: 'query', type: 'integer', allowEmptyValue: true }] } },
    '/at/{p}': {
      get: {
        ...ok,
        parameters: [
          { name: 'p', in: 'path', required: true, ...INTEGERS },
          { name: 'h', in: 'header', ...INTEGERS },
        ],
      },
    },
    '/form': {
      post: {
        ...ok,
        parameters: [
          { name: 'n', in: 'formData', type: 'integer', required: true },
          { name: 'l', in: 'formData', ...INTEGERS },
          { name: 'm', in: 'formData', ...INTEGERS, collectionFormat: 'multi' },
        ],
      },
    },
    '/file': { post: { ...ok, parameters: [{ name: 'f', in: 'formData', type: 'file', required: true }] } },
    '/body': {
      parameters: [{ name: 'b', in: 'body', required: true, schema: { $ref: '#/definitions/Pet' } }],
      post: ok,
    },
  },
  definitions: {
    Pet: {
      type: 'object',
      discriminator: 'kind',
      required: ['kind'],
      properties: {
        kind: { type: 'string' },
        n: { type: 'integer', 'x-nullable': true },
        b: { type: 'string', format: 'byte' },
      },
    },
  },
}

/** What is sent, and the status of the answer. */
const REQUESTS: [
  method: string,
  path: string,
  headers: Record<string, string>,
  body: string | undefined,
  status: number,
][] = [
  ['GET', '/lists?csv=1,2', {}, undefined, 200],
  ['GET', '/lists?csv=1,a', {}, undefined, 400],
  ['GET', '/lists?csv=1&csv=2', {}, undefined, 400],
  ['GET', '/lists?ssv=1%202', {}, undefined, 200],
  ['GET', '/lists?ssv=1%20a', {}, undefined, 400],
  ['GET', '/lists?pipes=1|2', {}, undefined, 200],
  ['GET', '/lists?pipes=1|a', {}, undefined, 400],
  ['GET', '/lists?multi=1&multi=2', {}, undefined, 200],
  ['GET', '/lists?multi=1,2', {}, undefined, 400],
  // checked as a text, which is told
  ['GET', '/lists?tsv=1%09a', {}, undefined, 200],
  ['GET', '/empty?q=', {}, undefined, 200],
  ['GET', '/empty?q=a', {}, undefined, 400],
  ['GET', '/at/1,2', { h: '1, 2' }, undefined, 200],
  ['GET', '/at/1,a', {}, undefined, 400],
  ['GET', '/at/1', { h: 'a' }, undefined, 400],
  ['POST', '/form', FORM, 'n=1&l=1,2&m=1&m=2', 200],
  ['POST', '/form', FORM, 'n=1&l=a', 400],
  ['POST', '/form', FORM, 'n=1&m=1&m=a', 400],
  ['POST', '/form', FORM, 'l=1', 400],
  ['POST', '/form', MULTIPART, part('name="n"', '1'), 200],
  ['POST', '/form', MULTIPART, part('name="n"', 'a'), 400],
  ['POST', '/form', JSON_TYPE, '{"n":1}', 415],
  ['POST', '/file', MULTIPART, part('name="f"; filename="a"', '\x00'), 200],
  ['POST', '/file', MULTIPART, part('name="g"', 'a'), 400],
  ['POST', '/file', FORM, 'f=a', 415],
  ['POST', '/body', JSON_TYPE, '{"kind":"a","n":null,"b":"YQ=="}', 200],
  ['POST', '/body', JSON_TYPE, '{"n":1}', 400],
  ['POST', '/body', JSON_TYPE, '{"kind":"a","b":"Y!"}', 400],
  ['POST', '/body', {}, undefined, 400],
  ['POST', '/body', { 'content-type': 'text/plain' }, '{"kind":"a"}', 415],
]

test('what Swagger 2.0 says in its own way is enforced', async (t) => {
  const { url } = await startApiGateway(t, DOCUMENT)
  for (const [method, path, headers, body, status] of REQUESTS) {
    const response = await fetch(url + path, { method, headers, body })
    assert.equal(response.status, status, `${method} ${path} ${body}: ${await response.text()}`)
  }
})
