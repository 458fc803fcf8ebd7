import { test } from 'node:test'
import { type Feature, json, type Sent, tryFeatures, values } from '../support/document-features.ts'

const query = (schema: object, more: object = {}) => ({ parameters: [{ name: 'q', in: 'query', schema, ...more }] })
const inPath = (schema: object, more: object = {}) => ({
  parameters: [{ name: 'p', in: 'path', required: true, schema, ...more }],
})
const header = (schema: object, more: object = {}) => ({ parameters: [{ name: 'X-H', in: 'header', schema, ...more }] })
const cookie = (schema: object, more: object = {}) => ({ parameters: [{ name: 'c', in: 'cookie', schema, ...more }] })
const body = (type: string, schema: object, more: object = {}) => ({
  requestBody: { required: true, content: { [type]: { schema, ...more } } },
})
const paths = (...all: string[]): Sent[] => all.map((path) => ({ path }))
const bodies = (type: string, ...all: string[]): Sent[] => all.map((text) => ({ type, body: text }))

const INTEGERS = { type: 'array', items: { type: 'integer' } }
const POINT = {
  type: 'object',
  required: ['x'],
  properties: { x: { type: 'integer' }, y: { type: 'integer' } },
  additionalProperties: false,
}
const form = (schema: object, encoding?: object) =>
  body('application/x-www-form-urlencoded', schema, encoding && { encoding })
const multipart = (schema: object, encoding?: object) => body('multipart/form-data', schema, encoding && { encoding })
const FORM = 'application/x-www-form-urlencoded'
const parts = (...all: [disposition: string, type: string | null, text: string][]): Sent => ({
  type: 'multipart/form-data; boundary=b',
  body: `${all.map(([name, type, text]) => `--b\r\nContent-Disposition: form-data; ${name}\r\n${type === null ? '' : `Content-Type: ${type}\r\n`}\r\n${text}\r\n`).join('')}--b--\r\n`,
})

const PARAMETERS: Record<string, Feature> = {
  'path, simple': {
    path: '/{p}',
    operation: inPath(INTEGERS),
    passes: paths('/1', '/1,2'),
    refused: paths('/a', '/1,a', '/1%2C2'),
  },
  'path, simple, object': {
    path: '/{p}',
    operation: inPath(POINT),
    passes: paths('/x,1,y,2'),
    refused: paths('/x,a', '/y,2', '/x,1,x,2'),
  },
  'path, simple, exploded object': {
    path: '/{p}',
    operation: inPath(POINT, { explode: true }),
    passes: paths('/x=1,y=2'),
    refused: paths('/x=a', '/x,1'),
  },
  'path, label': {
    path: '/{p}',
    operation: inPath(INTEGERS, { style: 'label' }),
    passes: paths('/.1,2'),
    refused: paths('/1,2', '/.a'),
  },
  'path, label, exploded': {
    path: '/{p}',
    operation: inPath(INTEGERS, { style: 'label', explode: true }),
    passes: paths('/.1.2'),
    refused: paths('/.1.a'),
  },
  'path, label, exploded object': {
    path: '/{p}',
    operation: inPath(POINT, { style: 'label', explode: true }),
    passes: paths('/.x=1.y=2'),
    refused: paths('/.y=2'),
  },
  'path, matrix': {
    path: '/{p}',
    operation: inPath({ type: 'integer' }, { style: 'matrix' }),
    passes: paths('/;p=1'),
    refused: paths('/1', '/;p=a', '/;p', '/;p=1;p=2', '/;q=1', '/p=1', '/%3Bp=1'),
  },
  'path, matrix, list': {
    path: '/{p}',
    operation: inPath(INTEGERS, { style: 'matrix' }),
    passes: paths('/;p=1', '/;p=1,2', '/;p'),
    refused: paths('/;p=a', '/;p=1;p=2', '/;p=1%2C2', '/;p=1,2;'),
  },
  'path, matrix, exploded list': {
    path: '/{p}',
    operation: inPath(INTEGERS, { style: 'matrix', explode: true }),
    passes: paths('/;p=1', '/;p=1;p=2'),
    refused: paths('/;p=1,2', '/;p=1;p=a', '/;p=1;q=2'),
  },
  'path, matrix, object': {
    path: '/{p}',
    operation: inPath(POINT, { style: 'matrix' }),
    passes: paths('/;p=x,1', '/;p=x,1,y,2'),
    refused: paths('/;p=y,1', '/;x=1', '/;p=x,a', '/;p=x,1,x,2'),
  },
  'path, matrix, exploded object': {
    path: '/{p}',
    operation: inPath(POINT, { style: 'matrix', explode: true }),
    passes: paths('/;x=1', '/;x=1;y=2'),
    refused: paths('/;y=2', '/;x=1;x=2', '/;x=1;z=1', '/;p=x,1'),
  },
  'path, matrix after text': {
    path: '/cars{p}',
    operation: inPath({ type: 'string', maxLength: 4 }, { style: 'matrix' }),
    passes: paths('/cars;p=blue', '/cars;p=a=b', '/cars;p=%3B%20', '/c%61rs;%70=x', '/cars;p='),
    refused: paths('/cars;p=black', '/car;p=blue', '/carsx;p=blue', '/carsale', '/cars;p=a/'),
  },
  'path with characters that mean something to the router': {
    path: '/a*b:c/{p}',
    operation: inPath({ type: 'integer' }),
    passes: paths('/a*b:c/1', '/a%2Ab%3Ac/1'),
    refused: paths('/a*b:c/x'),
  },
  'query, form': {
    operation: query(INTEGERS, { explode: false }),
    passes: paths('?q=1,2', ''),
    refused: paths('?q=1,a', '?q=1%2C2', '?q=1&q=2'),
  },
  'query, form, exploded': {
    operation: query(INTEGERS),
    passes: paths('?q=1', '?q=1&q=2'),
    refused: paths('?q=1&q=a', '?q=1,2'),
  },
  'query, form, object': {
    operation: query(POINT, { explode: false }),
    passes: paths('?q=x,1,y,2'),
    refused: paths('?q=x,a', '?q=y,1'),
  },
  'query, form, exploded object': {
    operation: query(POINT),
    passes: paths('?x=1&y=2', '?z=1'),
    refused: paths('?x=a', '?y=1'),
  },
  'query, spaceDelimited': {
    operation: query(INTEGERS, { style: 'spaceDelimited' }),
    passes: paths('?q=1%202', '?q=1+2'),
    refused: paths('?q=1%20a', '?q=1,2'),
  },
  'query, pipeDelimited': {
    operation: query(INTEGERS, { style: 'pipeDelimited' }),
    passes: paths('?q=1|2', '?q=1%7C2'),
    refused: paths('?q=1|a', '?q=1,2'),
  },
  'query, deepObject': {
    operation: query(POINT, { style: 'deepObject', required: true }),
    passes: paths('?q[x]=1&q[y]=2', '?q%5Bx%5D=1'),
    refused: paths('?q[x]=a', '?q[z]=1&q[x]=1', '?q=1', ''),
  },
  'query, required': {
    operation: query({ type: 'string' }, { required: true }),
    passes: paths('?q=', '?q=a'),
    refused: paths('', '?p=a'),
  },
  'query, once only': {
    operation: query({ type: 'string' }),
    passes: paths('?q=a', '?other=1'),
    refused: paths('?q=a&q=b'),
  },
  'query, allowEmptyValue': {
    operation: query({ type: 'integer' }, { allowEmptyValue: true, required: true }),
    passes: paths('?q=', '?q', '?q=1'),
    refused: paths('?q=a', ''),
  },
  'query, without allowEmptyValue': {
    operation: query({ type: 'integer' }),
    passes: paths('?q=1'),
    refused: paths('?q=', '?q'),
  },
  'query, allowReserved': {
    operation: query({ type: 'string', const: '/a:b' }, { allowReserved: true }),
    passes: paths('?q=/a:b', '?q=%2Fa%3Ab'),
    refused: paths('?q=/a'),
  },
  'query, content in JSON': {
    operation: { parameters: [{ name: 'q', in: 'query', content: { 'application/json': { schema: POINT } } }] },
    passes: paths(`?q=${encodeURIComponent('{"x":1}')}`),
    refused: paths('?q=x', `?q=${encodeURIComponent('{"x":"1"}')}`),
  },
  'query, content in text': {
    operation: {
      parameters: [{ name: 'q', in: 'query', content: { 'text/plain': { schema: { type: 'string', maxLength: 3 } } } }],
    },
    passes: paths('?q=a,b'),
    refused: paths('?q=abcd'),
  },
  header: {
    operation: header({ type: 'integer' }, { required: true }),
    passes: [{ headers: { 'x-h': '1' } }],
    refused: [{ headers: { 'x-h': 'a' } }, {}],
  },
  'header, list': {
    operation: header(INTEGERS),
    passes: [{ headers: { 'x-h': '1, 2' } }],
    refused: [{ headers: { 'x-h': '1, a' } }],
  },
  'header, exploded object': {
    operation: header(POINT, { explode: true }),
    passes: [{ headers: { 'x-h': 'x=1,y=2' } }],
    refused: [{ headers: { 'x-h': 'x,1' } }],
  },
  cookie: {
    operation: cookie({ type: 'integer' }, { required: true }),
    passes: [{ headers: { cookie: 'a=b; c=1' } }],
    refused: [{ headers: { cookie: 'c=a' } }, { headers: { cookie: 'c=1; c=2' } }, {}],
  },
  'cookie, list': {
    operation: cookie(INTEGERS, { explode: false }),
    passes: [{ headers: { cookie: 'c=1,2' } }],
    refused: [{ headers: { cookie: 'c=1,a' } }],
  },
  'parameter of the path item, overridden': {
    operation: { parameters: [{ name: 'q', in: 'query', schema: { type: 'boolean' } }] },
    passes: paths('?q=true'),
    refused: paths('?q=1'),
  },
}

const BODIES: Record<string, Feature> = {
  'required body': { operation: json({}), passes: values(1), refused: [{}, { type: 'application/json' }] },
  'numbers in JSON are no text': { operation: json({ type: 'integer' }), passes: values(1), refused: values('1', 1.5) },
  'broken JSON': {
    operation: json({}),
    passes: values({}),
    refused: bodies('application/json', '{', '{"__proto__":1}', '\uFEFF{}'),
  },
  '+json': {
    operation: body('application/merge-patch+json', POINT),
    passes: bodies('application/merge-patch+json', '{"x":1}'),
    refused: bodies('application/merge-patch+json', '{}'),
  },
  'range of media types': {
    operation: {
      requestBody: {
        content: { 'application/*': { schema: POINT }, 'application/json': { schema: { type: 'integer' } } },
      },
    },
    passes: [...values(1), ...bodies('application/x+json', '{"x":1}'), ...bodies('application/pdf', '?')],
    refused: [...values({ x: 1 }), ...bodies('application/x+json', '{}')],
  },
  form: {
    operation: form(POINT),
    passes: bodies(FORM, 'x=1&y=2'),
    refused: bodies(FORM, 'x=a', 'y=2', 'x=1&z=1', 'x=1&x=2'),
  },
  'form, list': {
    operation: form({ type: 'object', properties: { a: INTEGERS } }),
    passes: bodies(FORM, 'a=1&a=2'),
    refused: bodies(FORM, 'a=1&a=b', 'a=1,2'),
  },
  'form, encoding: style and explode': {
    operation: form(
      { type: 'object', properties: { a: INTEGERS, b: POINT } },
      { a: { style: 'pipeDelimited', explode: false }, b: { style: 'deepObject', explode: true } },
    ),
    passes: bodies(FORM, 'a=1|2&b[x]=1'),
    refused: bodies(FORM, 'a=1|b', 'b[x]=a', 'b[y]=1'),
  },
  'form, object within': {
    operation: form({ type: 'object', properties: { a: POINT } }),
    passes: bodies(FORM, `a=${encodeURIComponent('{"x":1}')}`),
    refused: bodies(FORM, 'a=x', 'a=%7B%7D'),
  },
  multipart: {
    operation: multipart({
      type: 'object',
      required: ['n'],
      properties: { n: { type: 'integer' }, f: { type: 'string', maxLength: 3 } },
      additionalProperties: false,
    }),
    passes: [
      parts(['name="n"', null, '1']),
      parts(['name="n"', null, '1'], ['name="f"; filename="a"', 'image/png', '\x00\x01']),
    ],
    refused: [
      parts(['name="n"', null, 'a']),
      parts(['name="f"', null, 'a']),
      parts(['name="n"', null, '1'], ['name="f"; filename="a"', null, 'abcd']),
      parts(['name="n"', null, '1'], ['name="z"', null, '1']),
    ],
  },
  'multipart, JSON part': {
    operation: multipart({ type: 'object', properties: { a: POINT } }),
    passes: [parts(['name="a"', 'application/json', '{"x":1}']), parts(['name="a"', null, '{"x":1}'])],
    refused: [parts(['name="a"', 'application/json', '{}'])],
  },
  'multipart, list': {
    operation: multipart({ type: 'object', properties: { a: { ...INTEGERS, maxItems: 2 } } }),
    passes: [parts(['name="a"', null, '1'], ['name="a"', null, '2'])],
    refused: [parts(['name="a"', null, 'b']), parts(...Array(3).fill(['name="a"', null, '1']))],
  },
  'multipart, encoding: contentType': {
    operation: multipart({ type: 'object', properties: { f: {} } }, { f: { contentType: 'image/png, text/*' } }),
    passes: [parts(['name="f"; filename="a"', 'image/png', 'a']), parts(['name="f"', 'text/css', 'a'])],
    refused: [parts(['name="f"; filename="a"', 'image/gif', 'a'])],
  },
  text: {
    operation: body('text/plain', { type: 'string', maxLength: 3 }),
    passes: bodies('text/plain', 'abc'),
    refused: bodies('text/plain', 'abcd'),
  },
  'text that stands for a number': {
    operation: body('text/plain', { type: 'integer' }),
    passes: bodies('text/plain', '12'),
    refused: bodies('text/plain', 'a'),
  },
  'bytes, their number': {
    operation: body('application/octet-stream', { type: 'string', format: 'binary', maxLength: 3 }),
    passes: [{ type: 'application/octet-stream', body: new Uint8Array([255, 0, 1]) }],
    refused: [{ type: 'application/octet-stream', body: new Uint8Array(4) }],
  },
  'XML passes unread': {
    operation: body('application/xml', POINT),
    passes: bodies('application/xml', '<x'),
    refused: [],
  },
  'readOnly: may be missing': {
    operation: json({ type: 'object', required: ['id'], properties: { id: { type: 'integer', readOnly: true } } }),
    passes: values({}, { id: 1 }),
    refused: values({ id: 'a' }),
  },
  'writeOnly: required': {
    operation: json({ type: 'object', required: ['id'], properties: { id: { type: 'integer', writeOnly: true } } }),
    passes: values({ id: 1 }),
    refused: values({}),
  },
  'other media types': { operation: json({}), passes: values(1), refused: bodies('text/plain', 'a'), status: 415 },
}

test('parameters, in every place and style', (t) => tryFeatures(t, PARAMETERS))
test('bodies of every kind', (t) => tryFeatures(t, BODIES))
