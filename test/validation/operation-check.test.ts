import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DocumentValidators } from '../../src/validation/document-validators.ts'
import { compileOperationCheck } from '../../src/validation/operation-check.ts'
import type { Violation } from '../../src/errors.ts'
import { oneOperation } from '../portal/api-document.ts'

interface Sent {
  url?: string
  params?: Record<string, string>
  headers?: Record<string, string | string[]>
}

function checkOf(parameters: object[], path = '/x', schemas = {}) {
  const document = oneOperation(path, 'get', { parameters }, schemas)
  const check = compileOperationCheck(new DocumentValidators(document), document.operations[0]!)
  return ({ url = path, params = {}, headers = {} }: Sent): Violation[] | null =>
    check.violations({ params, headers, raw: { url } })
}
const query = (parameter: object, schemas = {}) => {
  const check = checkOf([{ name: 'q', in: 'query', ...parameter }], '/x', schemas)
  return (text: string) => check({ url: `/x?${text}` })
}
const list = { type: 'array', items: { type: 'integer' }, minItems: 2 }
const object = {
  type: 'object',
  required: ['r'],
  properties: { r: { type: 'integer', maximum: 255 }, g: { type: 'integer' } },
  additionalProperties: false,
}

test('each style and form of a list or an object in a query is read, and its values are checked', () => {
  const cases: [object, string[], string[]][] = [
    [{ schema: list }, ['q=1&q=2', 'a=x&q=1&b&q=2'], ['q=1', 'q=1&q=b', 'q=1,2']],
    [{ schema: list, explode: false }, ['q=1,2', 'q=1,%32'], ['q=1', 'q=1,b', 'q=1&q=2', 'q=1%2C2', 'q=']],
    [{ schema: list, style: 'spaceDelimited', explode: false }, ['q=1%202', 'q=1+2'], ['q=1', 'q=1,2']],
    [{ schema: list, style: 'pipeDelimited', explode: false }, ['q=1|2', 'q=1%7C2', 'q=1%7c2'], ['q=1', 'q=1%257C2']],
    [{ schema: object }, ['r=1', 'r=1&g=2&other=5'], ['g=1', 'r=256', 'r=1&r=2']],
    [
      { schema: object, explode: false },
      ['q=r,1', 'q=r,1,g,2'],
      ['q=r', 'q=g,1', 'q=r,1,r,2', 'q=r,1,x,2', 'q=__proto__,1,r,2'],
    ],
    [
      { schema: object, style: 'deepObject' },
      ['q[r]=1', 'q%5Br%5D=1&q[g]=2'],
      [
        'q[r]=x',
        'q[g]=1',
        'q[r]=1&q[__proto__]=2',
        'q[r]=1&q[constructor]=2',
        'q[r]=1&q[]=3',
        'q[r]=1&q[r][a]=3',
        'q[r=1',
      ],
    ],
    [
      { content: { 'application/json': { schema: object } } },
      ['q={"r":1}', 'q=%7B%22r%22%3A%201%7D'],
      ['q={"r":"1"}', 'q={', 'q={"r":1}&q={"r":1}'],
    ],
    [
      {
        schema: {
          anyOf: [
            { type: 'string', maxLength: 3 },
            { type: 'array', items: { type: 'string' } },
          ],
        },
      },
      ['q=abc', 'q=abcd&q=e'],
      ['q=abcd'],
    ],
    [{ schema: { type: 'object', additionalProperties: { type: 'integer' } } }, ['a=1&b=2'], ['a=x']],
    [{ schema: { type: 'string', const: 'a b' } }, ['q=a+b', 'q=a%20b'], ['q=a%2Bb', 'q=a%20b&q=a%20b']],
  ]
  for (const [parameter, valid, invalid] of cases) {
    const check = query({ required: false, ...parameter })
    for (const text of valid) assert.equal(check(text), null, `${JSON.stringify(parameter)} ${text}`)
    for (const text of invalid) assert.ok(check(text), `${JSON.stringify(parameter)} ${text}`)
  }
})

test('numbers are what every upstream reads as one, in lists and objects too', () => {
  for (const text of ['0x10', '1e400', 'Infinity', '%201', '+1', '1_0', '']) {
    assert.deepEqual(
      query({ schema: { type: 'integer' } })(`q=${text}`),
      [{ in: 'query', pointer: '/q', expected: 'integer' }],
      text,
    )
    assert.ok(query({ schema: list })(`q=1&q=${text}`), text)
    assert.ok(
      query({
        schema: { type: 'object', properties: { a: { type: 'object', properties: { n: { type: 'number' } } } } },
        style: 'deepObject',
      })(`q[a][n]=${text}`),
      `deep ${text}`,
    )
    assert.ok(query({ schema: { allOf: [{ type: 'integer' }] } })(`q=${text}`), `composed ${text}`)
  }
  assert.equal(query({ schema: { type: 'number' } })('q=-1.5e3'), null)
  assert.equal(query({ schema: { type: 'boolean' } })('q=true'), null)
  assert.ok(query({ schema: { type: 'boolean' } })('q=1'))
})

test('what is required must come, what is empty may, and what is undeclared passes', () => {
  const required = query({ required: true, schema: { type: 'integer' } })
  assert.deepEqual(required('other=1'), [{ in: 'query', pointer: '', expected: 'a property "q"' }])
  assert.ok(checkOf([{ name: 'q', in: 'query', required: true }])({ url: '/x' }))
  assert.equal(query({ schema: { type: 'integer' }, allowEmptyValue: true })('q='), null)
  assert.equal(query({ schema: { type: 'integer' }, allowEmptyValue: true })('q'), null)
  assert.equal(query({ schema: { type: 'string' } })('__proto__=1&constructor=2&toString=3&q=a'), null)
  const odd = checkOf([
    { name: '__proto__', in: 'query', required: true, schema: { type: 'integer' } },
    { name: 'constructor', in: 'query', required: true, schema: { type: 'integer' } },
  ])
  assert.equal(odd({ url: '/x?__proto__=1&constructor=2' }), null)
  assert.equal(odd({ url: '/x' })!.length, 2)
  assert.equal(odd({ url: '/x?__proto__=1&constructor=x' })!.length, 1)
})

test('broken percent-encoding is refused wherever it stands', () => {
  const check = query({ schema: { type: 'string' } })
  for (const text of ['q=%', 'q=%ff', 'q=%zz', '%ff=1', 'other=%c3%28']) {
    assert.equal(check(text)?.[0]?.expected, 'percent-encoding of valid UTF-8', text)
  }
})

test('hostile queries are read in little time', () => {
  const many = checkOf([
    { name: 'q', in: 'query', schema: list },
    { name: 'f', in: 'query', style: 'deepObject', schema: { type: 'object' } },
  ])
  const start = performance.now()
  many({ url: `/x?${'q=1&'.repeat(50_000)}` })
  many({ url: `/x?${Array.from({ length: 50_000 }, (_, i) => `p${i}=1`).join('&')}` })
  assert.ok(many({ url: `/x?f${'[a]'.repeat(20_000)}=1` }))
  assert.equal(many({ url: `/x?${Array.from({ length: 20_000 }, (_, i) => `f[a${i}]=1`).join('&')}` }), null)
  assert.ok(performance.now() - start < 10_000)
})

test('paths are read in every style, and an encoded delimiter is data', () => {
  const path = (parameter: object, template = '/x/{q}/y') => {
    const check = checkOf([{ name: 'q', in: 'path', ...parameter }], template)
    return (raw: string) => check({ url: template.replace('{q}', raw), params: { q: decodeURIComponent(raw) } })
  }
  const cases: [object, string[], string[]][] = [
    [{ schema: { type: 'integer' } }, ['5'], ['x', '0x1']],
    [{ schema: list }, ['1,2'], ['1', '1%2C2', '1,b']],
    [{ schema: { type: 'array', items: { enum: ['a,b', 'c'] } } }, ['a%2Cb,c'], ['a,b']],
    [{ schema: object }, ['r,1'], ['g,1', 'r']],
    [{ schema: object, explode: true }, ['r=1', 'r=1,g=2'], ['r,1', 'r=256']],
    [{ schema: { type: 'integer' }, style: 'label' }, ['.5'], ['5', '.x']],
    [{ schema: list, style: 'label' }, ['.1,2'], ['1,2', '.1.2']],
    [{ schema: list, style: 'label', explode: true }, ['.1.2'], ['.1']],
    [{ schema: object, style: 'label', explode: true }, ['.r=1.g=2'], ['.g=2']],
  ]
  for (const [parameter, valid, invalid] of cases) {
    for (const text of valid) assert.equal(path(parameter)(text), null, `${JSON.stringify(parameter)} ${text}`)
    for (const text of invalid) assert.ok(path(parameter)(text), `${JSON.stringify(parameter)} ${text}`)
  }
  assert.equal(path({ schema: list }, '/x/a{q}.json')('1,2'), null)
})

test('headers and cookies are read, those that come twice included', () => {
  const headers = checkOf([
    { name: 'X-Count', in: 'header', required: true, schema: { type: 'integer', minimum: 1 } },
    { name: 'X-List', in: 'header', schema: list },
    { name: 'Authorization', in: 'header', required: true, schema: { type: 'integer' } },
  ])
  assert.equal(headers({ headers: { 'x-count': '5', 'x-list': '1, 2' } }), null)
  assert.equal(headers({ headers: { 'x-count': '5', 'x-list': ['1', '2'] } }), null)
  assert.deepEqual(headers({ headers: { 'x-count': '0' } }), [
    { in: 'headers', pointer: '/x-count', expected: 'at least 1' },
  ])
  assert.deepEqual(headers({}), [{ in: 'headers', pointer: '', expected: 'a property "x-count"' }])
  const cookies = checkOf([
    { name: 'id', in: 'cookie', required: true, schema: { type: 'integer' } },
    { name: 'ids', in: 'cookie', explode: false, schema: list },
  ])
  assert.equal(cookies({ headers: { cookie: 'other=x; id=5; ids=1,2' } }), null)
  assert.deepEqual(cookies({ headers: { cookie: 'id=5; id=6' } }), [
    { in: 'cookies', pointer: '/id', expected: 'a single cookie of this name' },
  ])
  assert.deepEqual(cookies({}), [{ in: 'cookies', pointer: '', expected: 'a property "id"' }])
  assert.ok(cookies({ headers: { cookie: 'id=%zz' } }))
})

test('parts that the route checks itself are left to it', () => {
  const document = oneOperation('/x', 'get', {
    parameters: [
      { name: 'q', in: 'query', required: true },
      { name: 'h', in: 'header', required: true },
    ],
  })
  const check = compileOperationCheck(new DocumentValidators(document), document.operations[0]!, {
    skip: new Set(['query'] as const),
  })
  assert.deepEqual(check.violations({ params: {}, headers: {}, raw: { url: '/x' } }), [
    { in: 'headers', pointer: '', expected: 'a property "h"' },
  ])
})
