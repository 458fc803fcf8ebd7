import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startRawBackend } from '../support/backend.ts'
import { startGateway } from '../support/gateway.ts'
import { rawRequest } from '../support/raw-client.ts'
import { get, isAlive, startRecorder, startWays, WAYS } from './wire.ts'

const checked = (url: string, consumes?: string[]) => ({
  name: 'a',
  auth: 'none',
  targets: [url],
  routes: [
    {
      method: 'POST',
      url: '/x',
      schema: {
        ...(consumes ? { consumes } : {}),
        body: { type: 'object', required: ['a'], properties: { a: { type: 'integer' } }, additionalProperties: false },
      },
    },
  ],
})
const post = (path: string, type: string | null, body = '{"a":1}', more = '') =>
  `POST ${path} HTTP/1.1\r\nhost: x\r\n${type === null ? '' : `content-type: ${type}\r\n`}${more}content-length: ${Buffer.byteLength(body, 'latin1')}\r\n\r\n${body}`

const REFUSED_TYPES = [
  'text/plain',
  'text/html',
  'application/x-www-form-urlencoded',
  'multipart/form-data',
  'multipart/form-data; boundary=x',
  'application/octet-stream',
  '*/*',
  'application/*',
  'application',
  'application/',
  '/json',
  'json',
  '',
  ' ',
  ';',
  '/',
  ',',
  'undefined',
  'null',
  '__proto__',
  'constructor',
  'toString',
  '__proto__/x',
  // CVE-2026-25223, CVE-2026-3419
  'application/json\ta',
  'application/json a',
  'application/json\x0b',
  'application/json\x0c; charset=utf-8',
  'application/json;charset',
  'application/json; charset',
  'application/json ; charset',
  'application/json; =utf-8',
  'application/json; charset=',
  'application/json;;charset',
  'application/json; a b=c',
  'application/json/x',
  'application/jsonx',
  'xapplication/json',
  'application/json5',
  'application/json\xa0',
  '\xa0application/json',
  'application/json;charset="utf-8',
  'application/json; charset=utf-8"',
  'application/json, text/plain',
  'text/plain, application/json',
  'application/json; charset=utf-16',
  'application/json; charset=utf-7',
  'application/json; charset=utf-8; charset=utf-16',
  'application/json; charset=x; charset=utf-8',
  'application/json; charset="utf\\-16"',
  // CVE-2022-39288, CVE-2022-41919
  'text/plain; application/json',
  'text/plain;a="application/json"',
  'text/plain;a=application/json',
  'application/x-www-form-urlencoded;application/json',
  'application /json',
  'application/ json',
  'application/vnd.api+json',
  'application/json+x',
  `application/json;${' '.repeat(12_000)}x`,
  `application/json;${'a=b;'.repeat(3000)}x`,
  `application/json; a="${'\\'.repeat(12_000)}`,
]
test('a body is let in as JSON only when its type is that to the last character', async (t) => {
  const backend = await startRecorder(t)
  const { port } = await startGateway(t, { 'a.json': checked(backend.url) })
  for (const type of REFUSED_TYPES) {
    for (const body of ['{"a":1}', '{"a":"evil"}', 'a=1', '']) {
      const { status } = await rawRequest(port, post('/x', type, body))
      assert.ok(status === 415 || status === 400, `${JSON.stringify(type.slice(0, 60))} ${body}: ${status}`)
    }
  }
  for (const more of [
    'content-type: text/plain\r\n',
    'Content-Type: application/json\r\n',
    'content-encoding: gzip\r\n',
    `content-encoding: ${'gzip, '.repeat(2000)}gzip\r\n`,
    'content-encoding: identity, gzip\r\n',
    'content-encoding: identity\r\ncontent-encoding: br\r\n',
  ]) {
    assert.equal(
      (await rawRequest(port, post('/x', 'application/json', '{"a":1}', more))).status,
      415,
      more.slice(0, 60),
    )
  }
  assert.equal((await rawRequest(port, post('/x', null))).status, 415)
  assert.deepEqual(backend.targets(), [])
  for (const type of [
    'application/json',
    'APPLICATION/JSON',
    'application/json; charset=utf-8',
    'application/json;charset="UTF-8"',
    'application/json \t; a=b',
  ]) {
    assert.equal((await rawRequest(port, post('/x', type))).status, 200, type)
  }
  assert.ok(await isAlive(port))
})

const BODIES: [string, string][] = [
  ['a byte order mark', '\xef\xbb\xbf{"a":1}'],
  ['no UTF-8', '{"a":1,"\xff":1}'],
  ['overlong UTF-8', '{"\xc1\xa1":1}'],
  ['UTF-16', '{\0"\0a\0"\0:\x001\0}\0'],
  ['a NUL behind it', '{"a":1}\0'],
  ['a second value', '{"a":1}{"a":"evil"}'],
  ['a comment', '{"a":1/*"*/}'],
  ['a trailing comma', '{"a":1,}'],
  ['NaN', '{"a":NaN}'],
  ['single quotes', "{'a':1}"],
  ['__proto__', '{"a":1,"__proto__":{"b":1}}'],
  ['an escaped __proto__', '{"a":1,"\\u005f_proto__":{"b":1}}'],
  ['constructor.prototype', '{"a":1,"constructor":{"prototype":{"b":1}}}'],
  ['a wrong last duplicate', '{"a":1,"a":"evil"}'],
  ['a deep value', `{"a":${'['.repeat(50_000)}`],
  ['a closed deep value', `${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`],
  ['nothing', ''],
  ['white space', '  '],
  ['an array', '[{"a":1}]'],
  ['a string', '"{\\"a\\":1}"'],
]
test('what a backend could read differently is not let through as checked', async (t) => {
  const backend = await startRecorder(t)
  const { port } = await startGateway(t, { 'a.json': checked(backend.url) })
  for (const [what, body] of BODIES) {
    assert.equal((await rawRequest(port, post('/x', 'application/json', body))).status, 400, what)
  }
  assert.deepEqual(backend.targets(), [])
})

// GHSA-v2v2-hph8-q5xp
test('the type that was checked is the type that is sent, and the bytes are the bytes', async (t) => {
  const backend = await startRecorder(t)
  const { port } = await startGateway(t, {
    'a.json': checked(backend.url, ['application/json', 'application/x-www-form-urlencoded']),
  })
  for (const [type, body] of [
    ['application/json', ' {"a" : 1.0e0 }\r\n'],
    ['application/json ; charset=UTF-8', '{"a":9007199254740993}'],
    ['application/x-www-form-urlencoded', 'a=%31'],
  ] as const) {
    assert.equal((await rawRequest(port, post('/x', type, body))).status, 200, type)
    const { headers, body: arrived } = backend.received.at(-1)!
    assert.equal(headers['content-type'], type)
    assert.equal(arrived.toString('latin1'), body)
  }
  for (const connection of ['content-type', 'Content-Type, x', 'close, content-type']) {
    await t.test(`connection: ${connection}`, async () => {
      backend.received.length = 0
      const { status } = await rawRequest(
        port,
        post('/x', 'application/json', '{"a":1}', `connection: ${connection}\r\n`),
      )
      assert.ok(
        status === 400 || backend.received[0]?.headers['content-type'] === 'application/json',
        'checked as JSON, sent as anything',
      )
    })
  }
  for (const [type, body] of [
    ['application/x-www-form-urlencoded', 'a=1&a=2'],
    ['application/x-www-form-urlencoded', 'a=1&%61=x'],
    ['application/x-www-form-urlencoded', 'a=1;a=x'],
    ['application/x-www-form-urlencoded', 'a=1&__proto__=x'],
  ] as const) {
    assert.equal((await rawRequest(port, post('/x', type, body))).status, 400, body)
  }
})

test('a query is checked in the reading in which it is sent', async (t) => {
  const backend = await startRecorder(t)
  const { port } = await startGateway(t, {
    'a.json': {
      name: 'a',
      auth: 'none',
      targets: [backend.url],
      routes: [
        {
          method: 'GET',
          url: '/x',
          schema: {
            querystring: {
              type: 'object',
              properties: { role: { enum: ['user'] } },
              required: ['role'],
              additionalProperties: false,
            },
          },
        },
      ],
    },
  })
  for (const query of [
    'role=user&role=admin',
    'role=admin&role=user',
    'role=user&%72ole=admin',
    'role=user;role=admin',
    'role=user&role[]=admin',
    'role=user%00',
    'role=user&__proto__[x]=1',
    'role=user&constructor=1',
    'role=user&&x',
    'role=user&ROLE=admin',
    'role=user?role=admin',
    'role',
    '',
    'role=us%',
    'role=user&=1',
  ]) {
    const { status } = await rawRequest(port, get(`/x?${query}`))
    assert.ok(status === 400, `${query}: ${status}`)
  }
  assert.deepEqual(backend.targets(), [])
  assert.equal((await rawRequest(port, get('/x?role=%75ser'))).status, 200)
})

// CVE-2026-55603
test('a multipart body is relayed byte by byte, never built again', async (t) => {
  const backend = await startRecorder(t)
  const { port } = await startWays(t, backend.url)
  const body =
    '--b\r\nContent-Disposition: form-data; name="a\r\nX-Evil: 1"\r\n\r\n1\r\n--b\nContent-Disposition: form-data; name="\0"\r\n\r\n\xff\r\n--b--\r\nrest'
  for (const way of WAYS) {
    for (const type of [
      'multipart/form-data; boundary=b',
      'multipart/form-data; boundary="b"; boundary=c',
      'multipart/form-data',
      'application/x-www-form-urlencoded',
      '__proto__',
      'application/json\ta',
      'a/b; charset',
    ]) {
      const { status } = await rawRequest(port, post(`${way}/x`, type, body))
      // a type that is none may be refused
      if (status === 415 && !type.startsWith('multipart')) continue
      assert.equal(status, 200, type)
      const { headers, body: arrived } = backend.received.at(-1)!
      assert.equal(arrived.toString('latin1'), body)
      assert.equal(headers['content-type'], type)
    }
  }
})

test('an answer without a type gets none, so that nothing is guessed from it', async (t) => {
  const backend = await startRawBackend(t, (socket) => {
    socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'))
  })
  const { port } = await startWays(t, backend.url)
  for (const way of WAYS) {
    await t.test(way, async () => {
      const { status, headers } = await rawRequest(port, get(`${way}/x`))
      assert.equal(status, 200)
      assert.equal(headers['content-type'], undefined)
    })
  }
})
