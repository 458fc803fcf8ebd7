import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import { test, type TestContext } from 'node:test'
import fastify, { type FastifyRequest } from 'fastify'
import metrics from '../../../plugins/observe/metrics.ts'
import operationValidation from '../../../plugins/contract/operation-validation.ts'
import { readOperationBodies } from '../../../src/validation/operation-body.ts'
import { routerPath } from '../../../src/validation/path-reader.ts'
import { preparePhases } from '../../../src/phases.ts'
import { answerError } from '../../../src/listener/error-answer.ts'
import { apiDocument } from '../../portal/api-document.ts'
import { rawRequest } from '../../support/raw-client.ts'
import { countedBy } from '../../support/counted.ts'

const Pet = {
  type: 'object',
  required: ['name'],
  properties: { name: { type: 'string' }, age: { type: 'integer' } },
  additionalProperties: false,
}
const form = {
  type: 'object',
  required: ['n'],
  properties: {
    n: { type: 'integer' },
    tags: { type: 'array', items: { type: 'string' }, maxItems: 2 },
    pet: Pet,
    file: { type: 'string', format: 'binary' },
    pets: { type: 'array', items: Pet },
  },
  additionalProperties: false,
}
const content = {
  'application/json': { schema: Pet },
  'application/vnd.pet.v1+json': { schema: { type: 'array' } },
  'application/*+json': { schema: Pet },
  'application/x-www-form-urlencoded': { schema: form, encoding: { tags: { style: 'form', explode: false } } },
  'multipart/form-data': { schema: form, encoding: { file: { contentType: 'image/png, image/jpeg' } } },
  'text/plain': { schema: { type: 'string', maxLength: 5 } },
  'application/octet-stream': { schema: { type: 'string', format: 'binary', maxLength: 5 } },
  'application/xml': { schema: { type: 'object' } },
}

async function start(t: TestContext, requestValidation: 'enforce' | 'report' | 'off', bodyLimit = 1000) {
  const document = apiDocument({
    paths: {
      '/pets/{pet-id}': {
        post: {
          parameters: [{ name: 'pet-id', in: 'path', required: true, schema: { type: 'integer' } }],
          requestBody: { required: true, content },
        },
        get: { parameters: [{ name: 'q', in: 'query', schema: { type: 'integer' } }] },
      },
    },
    components: {},
  })
  const lines: string[] = []
  const stream = new Writable({
    write: (chunk, _encoding, done) => {
      lines.push(String(chunk))
      done()
    },
  })
  const app = fastify({ logger: { level: 'warn', stream } })
  app.setErrorHandler(answerError as never)
  app.decorateRequest('rawBody', undefined)
  preparePhases(app as never)
  await app.register(metrics)
  await app.register(operationValidation)
  app.register(async (scope) => {
    readOperationBodies(scope)
    for (const operation of document.operations) {
      scope.route({
        method: operation.method,
        url: routerPath(operation.path).url,
        bodyLimit,
        config: { upstream: 'pets', publicUrl: operation.path, api: { document, operation }, requestValidation },
        // what would be forwarded
        handler: async (request: FastifyRequest, reply) =>
          reply.send(request.rawBody ?? Buffer.concat(await request.raw.toArray())),
      })
    }
  })
  t.after(() => app.close())
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  const post = async (type: string | null, body: string | Buffer | ReadableStream, path = '/pets/5', headers = {}) => {
    const response = await fetch(url + path, {
      method: 'POST',
      body: body as string,
      duplex: 'half',
      headers: { ...(type === null ? {} : { 'content-type': type }), ...headers },
    } as RequestInit)
    const text = Buffer.from(await response.arrayBuffer())
    return { status: response.status, text, problem: response.status >= 400 ? JSON.parse(text.toString()) : null }
  }
  const counted = (name: string) => countedBy(app, name)
  return { app, url, post, lines, counted, port: Number(new URL(url).port) }
}

const multipart = (...parts: string[]): string => `${parts.map((part) => `--X\r\n${part}\r\n`).join('')}--X--\r\n`
const field = (name: string, value: string, more = ''): string =>
  `Content-Disposition: form-data; name="${name}"${more}\r\n\r\n${value}`
const FORM = 'multipart/form-data; boundary=X'
const LINE = 'application/x-www-form-urlencoded'

test('bodies are read by their media type, the nearest range first, and go on as they came', async (t) => {
  const { post } = await start(t, 'enforce')
  const valid: [string, string][] = [
    ['application/json', ' {"age" : 5.0,\n"name":"a"}'],
    ['application/merge+json', '{"name":"a"}'],
    ['application/vnd.pet.v1+json', '[]'],
    [LINE, 'n=5&tags=a,b'],
    [LINE, 'n=5&pet=%7B%22name%22%3A%22a%22%7D'],
    ['text/plain', 'äöüßé'],
    ['application/octet-stream', 'a\xff'],
    ['application/xml', '<any/>'.repeat(500)],
    [FORM, multipart(field('n', '5'), field('tags', 'a'), field('tags', 'b'))],
    [
      FORM,
      multipart(
        field('n', '5'),
        field('file', '\x89PNG', '; filename="a.png"\r\nContent-Type: image/png'),
        field('pet', '{"name":"a"}'),
        field('pets', '{"name":"a"}'),
        field('pets', '{"name":"b"}'),
      ),
    ],
    [FORM, multipart(field('n', '5'), field('file', 'x', '; filename="a.png"; filename*=UTF-8\'\'%c3%a4.png'))],
  ]
  for (const [type, body] of valid) {
    const { status, text } = await post(type, body)
    assert.equal(status, 200, `${type} ${body} ${text.toString()}`)
    assert.equal(text.toString(), body)
  }
  const invalid: [string, string, string][] = [
    ['application/json', '{"name":1}', '/name: string'],
    ['application/json', '{"name":"a","__proto__x":1}', ': no property "__proto__x"'],
    ['application/merge+json', '{}', ': a property "name"'],
    ['application/vnd.pet.v1+json', '{}', ': array'],
    [LINE, 'n=x', '/n: integer'],
    [LINE, 'n=0x5', '/n: integer'],
    [LINE, 'n=5&n=6', '/n: integer'],
    [LINE, 'n=5&tags=a,b,c', '/tags: at most 2 items'],
    [LINE, 'n=5&pet={"name":"a"', '/pet: well-formed JSON, each name once'],
    [LINE, 'n=5&__proto__=1', ': no property "__proto__"'],
    [LINE, 'n=%ff', '/n: percent-encoding of valid UTF-8'],
    ['text/plain', 'äöüßéx', ': at most 5 characters'],
    ['application/octet-stream', '123456', ': at most 5 characters'],
    [FORM, multipart(field('n', 'x')), '/n: integer'],
    [FORM, multipart(field('n', '5'), field('constructor', 'a')), ': no property "constructor"'],
    [
      FORM,
      multipart(field('n', '5'), field('file', 'x', '; filename="a"\r\nContent-Type: text/html')),
      '/file: the content type image/png or image/jpeg',
    ],
    [FORM, multipart(field('n', '5'), field('pet', '{"name":5}')), '/pet/name: string'],
    [FORM, multipart(field('n', '5'), field('pet', '{')), '/pet: well-formed JSON, each name once'],
  ]
  for (const [type, body, expected] of invalid) {
    const { status, problem } = await post(type, body)
    assert.equal(status, 400, `${type} ${body}`)
    assert.equal(problem.code, 'GW_VALIDATION')
    assert.deepEqual(
      problem.errors.map((error: any) => `${error.pointer}: ${error.expected}`),
      [expected],
      `${type} ${body}`,
    )
  }
})

test('what cannot be checked is refused, and the answer says what is accepted', async (t) => {
  const { post, url, counted } = await start(t, 'enforce')
  const { status, problem } = await post('image/png', 'x')
  assert.equal(status, 415)
  assert.match(problem.detail, /application\/json, .*text\/plain/)
  assert.equal((await post(null, Buffer.from('x'))).status, 415)
  assert.equal((await post('application/json', '{"name":"a"}', '/pets/5', { 'content-encoding': 'gzip' })).status, 415)
  assert.equal((await post('application/json', '{')).problem.code, 'GW_MALFORMED_BODY')
  assert.equal((await post('application/json', `{"name":"${'a'.repeat(1000)}"}`)).problem.code, 'GW_BODY_TOO_LARGE')
  const endless = new ReadableStream({ pull: (controller) => controller.enqueue(Buffer.alloc(100, ' ')) })
  assert.equal((await post('application/json', endless).catch(() => ({ status: 413 }))).status, 413)
  const missing = await fetch(`${url}/pets/x`, { method: 'POST' })
  assert.deepEqual(((await missing.json()) as any).errors, [
    { in: 'params', pointer: '/pet-id', expected: 'integer' },
    { in: 'body', pointer: '', expected: 'a body' },
  ])
  assert.equal((await fetch(`${url}/pets/5?q=x`)).status, 400)
  assert.equal((await fetch(`${url}/pets/5?q=1`)).status, 200)
  assert.deepEqual(counted('gatehouse_request_violations_total'), [
    { upstream: 'pets', route: 'POST /pets/{pet-id}', mode: 'enforce', value: 1 },
    { upstream: 'pets', route: 'GET /pets/{pet-id}', mode: 'enforce', value: 1 },
  ])
})

test('forms in parts that two readers could cut or name differently are refused', async (t) => {
  const { post } = await start(t, 'enforce', 100_000)
  const n = field('n', '5')
  for (const [type, body] of [
    ['multipart/form-data', multipart(n)],
    [`${FORM}; boundary=Y`, multipart(n)],
    [`${FORM}; boundary*0=Y`, multipart(n)],
    ['multipart/form-data; boundary=""', multipart(n)],
    [FORM, `--X\r\n${n}\r\n`],
    [FORM, `preamble\r\n${multipart(n)}`],
    [FORM, `${multipart(n)}epilogue`],
    [FORM, `--X\r\n${n}\n--X--\r\n`],
    [FORM, `--X\r\n${n}\r\n--Xy\r\n${n}\r\n--X--`],
    [FORM, multipart(`${n} --X`)],
    [FORM, multipart('Content-Disposition: form-data; name="n"; name="tags"\r\n\r\n5')],
    [
      FORM,
      multipart('Content-Disposition: form-data; name="n"\r\nContent-Disposition: form-data; name="tags"\r\n\r\n5'),
    ],
    [FORM, multipart('Content-Disposition: attachment; name="n"\r\n\r\n5')],
    [FORM, multipart('X: y\r\n\r\n5')],
    [FORM, multipart('5')],
    [FORM, multipart(`Content-Transfer-Encoding: base64\r\n${n}`)],
    [FORM, multipart('Content-Disposition: form-data; name=n; filename=a; filename="b"\r\n\r\n5')],
    [FORM, multipart(...Array.from({ length: 1001 }, () => n))],
    [FORM, multipart(`X: ${'a'.repeat(20_000)}\r\n${n}`)],
    [FORM, '--X--'.repeat(2)],
  ] as const) {
    assert.equal((await post(type, body)).problem?.code, 'GW_MALFORMED_BODY', `${type} ${body.slice(0, 200)}`)
  }
})

test('in the mode "report" nothing is touched, and everything is counted and sampled', async (t) => {
  const { post, lines, counted, port, url } = await start(t, 'report', 100)
  const bodies: [string, string | Buffer][] = [
    ['application/json', '{"name":1}'],
    ['application/json', '{"name":'],
    ['application/json', Buffer.from([0x22, 0xff, 0x22])],
    ['image/png', 'x'],
    ['no type', 'x'],
    [FORM, '--Y'],
  ]
  for (const [type, body] of bodies) {
    const { status, text } = await post(type, body)
    assert.equal(status, type === 'no type' ? 415 : 200, `${type} ${text.toString()}`)
    if (status === 200) assert.deepEqual(text, Buffer.from(body))
  }
  assert.equal((await fetch(`${url}/pets/x?q=1`, { method: 'POST' })).status, 200)
  const violations = [{ upstream: 'pets', route: 'POST /pets/{pet-id}', mode: 'report', value: 6 }]
  assert.deepEqual(counted('gatehouse_request_violations_total'), violations)
  const told = lines.filter((line) => line.includes('request breaks its API document'))
  assert.equal(told.length, 1)
  assert.match(told[0]!, /"pointer":"\/name"/)

  // too large, of unknown length, or encoded
  assert.equal((await post('application/json', 'x'.repeat(5000))).text.length, 5000)
  const chunked = await rawRequest(
    port,
    'POST /pets/5 HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n3\r\n{"n\r\n0\r\n\r\n',
  )
  assert.equal(chunked.status, 200)
  assert.equal((await post('application/json', '{', '/pets/5', { 'content-encoding': 'br' })).text.toString(), '{')
  assert.deepEqual(counted('gatehouse_requests_unchecked_total'), [
    { upstream: 'pets', route: 'POST /pets/{pet-id}', value: 3 },
  ])
  assert.deepEqual(counted('gatehouse_request_violations_total'), violations)
})

test('in the mode "off" there is no check', async (t) => {
  const { post, app } = await start(t, 'off')
  assert.equal((await post('application/json', '{')).text.toString(), '{')
  assert.equal(countedBy(app, 'gatehouse_request_violations_total').length, 0)
})
