import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { test, type TestContext } from 'node:test'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { apiDocument, startApiGateway } from '../support/api-gateway.ts'
import { eventually } from '../support/eventually.ts'
import { ask } from '../support/http-client.ts'
import { rawRequest } from '../support/raw-client.ts'
import { countedBy } from '../support/counted.ts'

const document = apiDocument({
  '/{kind}': {
    get: {
      parameters: [{ name: 'kind', in: 'path', required: true, schema: {} }],
      responses: {
        200: { description: 'OK', content: { 'application/json': { schema: { type: 'object', required: ['id'] } } } },
      },
    },
  },
})
const JSON_TYPE = { 'content-type': 'application/json' }

async function start(t: TestContext, respond: (response: ServerResponse, acceptEncoding: string | undefined) => void) {
  const gateway = await startApiGateway(
    t,
    document,
    { responseValidation: 'report' },
    { respond: (request, response) => respond(response, request.headers['accept-encoding']) },
  )
  const counted = async (): Promise<number> =>
    countedBy(gateway.app, 'gatehouse_response_violations_total').reduce((sum, { value }) => sum + value, 0)
  return { ...gateway, counted }
}

test('a response that is only reported goes on as it comes', { timeout: 60_000 }, async (t) => {
  let finish = (): void => {}
  const { url, counted } = await start(t, (response) => {
    response.writeHead(200, JSON_TYPE).write('{"no":')
    finish = () => response.end('1}')
  })
  const { body } = await fetch(`${url}/a`)
  const reader = body!.getReader()
  assert.equal(Buffer.from((await reader.read()).value!).toString(), '{"no":', 'before the response has ended')
  finish()
  assert.equal(Buffer.from((await reader.read()).value!).toString(), '1}')
  assert.equal((await reader.read()).done, true)
  await eventually('the count of violations', async () => (await counted()) === 1)
})

test('a response that is only reported keeps its framing and its trailers', async (t) => {
  const { port, counted } = await start(t, (response) => {
    response.writeHead(200, { ...JSON_TYPE, trailer: 'x-sum' })
    response.addTrailers({ 'x-sum': '5' })
    response.end('{"id":1}')
  })
  const { text } = await rawRequest(port, 'GET /a HTTP/1.1\r\nhost: x\r\n\r\n')
  assert.match(text, /\r\ntransfer-encoding: chunked\r\n/i)
  assert.match(text, /\r\n8\r\n\{"id":1\}\r\n0\r\nx-sum: 5\r\n\r\n$/)
  assert.equal(await counted(), 0)
})

test('compressed responses are asked for, relayed and looked into', async (t) => {
  const bodies: Record<string, [coding: string, body: Buffer, violations: number]> = {
    good: ['gzip', gzipSync('{"id":1}'), 0],
    bad: ['br', brotliCompressSync('{"no":1}'), 1],
    bomb: ['gzip', gzipSync(Buffer.alloc(8 * 2 ** 20, 32)), 1],
    broken: ['gzip', Buffer.from('no gzip at all'), 0],
    unknown: ['x-own', Buffer.from('{"no":1}'), 0],
  }
  let current = ''
  const { url, backend, counted } = await start(t, (response, acceptEncoding) => {
    const [coding, body] = bodies[current]!
    response
      .writeHead(200, {
        ...JSON_TYPE,
        'content-encoding': coding,
        'x-asked-for': acceptEncoding ?? '',
        'content-length': body.length,
      })
      .end(body)
  })
  let expected = 0
  for (const [kind, [coding, body, violations]] of Object.entries(bodies)) {
    current = kind
    const answer = await ask(`${url}/a`, { headers: { 'accept-encoding': 'gzip, br' } })
    assert.equal(answer.headers['content-encoding'], coding)
    assert.equal(answer.headers['x-asked-for'], 'gzip, br')
    assert.equal(answer.headers['content-length'], String(body.length))
    expected += violations
    await eventually('the count of violations', async () => (await counted()) === expected)
  }
  assert.equal(backend.received.length, 5)
})

test('a response that is too large to be looked at is told of, whether its length was known or not', async (t) => {
  const body = JSON.stringify({ id: 'x'.repeat(2 * 2 ** 20) })
  let known = true
  const { url, counted } = await start(t, (response) => {
    response.writeHead(200, { ...JSON_TYPE, ...(known ? { 'content-length': body.length } : {}) }).end(body)
  })
  for (known of [true, false]) assert.equal(await (await fetch(`${url}/a`)).text(), body)
  await eventually('the count of violations', async () => (await counted()) === 2)
})
