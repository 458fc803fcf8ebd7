import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import { test } from 'node:test'
import { apiDocument, startApiGateway } from '../support/api-gateway.ts'
import { startBackend } from '../support/backend.ts'
import { runCommand, startCommand } from '../support/command.ts'
import { eventually } from '../support/eventually.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const Order = {
  type: 'object',
  required: ['id'],
  properties: { id: { type: 'integer' }, state: { enum: ['open', 'paid'] } },
}
const document = apiDocument(
  {
    '/orders': {
      get: {
        parameters: [{ name: 'limit', in: 'query', schema: { type: 'integer' } }],
        responses: {
          200: {
            description: 'OK',
            content: {
              'application/json': { schema: { type: 'array', items: { $ref: '#/components/schemas/Order' } } },
            },
          },
        },
      },
      post: {
        requestBody: {
          required: true,
          content: { 'application/json': { schema: { $ref: '#/components/schemas/Order' } } },
        },
        responses: { 201: { description: 'Made' } },
      },
    },
    '/orders/{id}': {
      delete: {
        parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'integer' } }],
        responses: { 204: { description: 'Gone' } },
      },
    },
  },
  { components: { schemas: { Order } } },
)

test('a team turns a document on: report, drift, overlay, enforce', async (t) => {
  const answer = {
    respond: ((request, response) => {
      request.resume().on('end', () => {
        if (request.method === 'POST') response.writeHead(202).end()
        else {
          response
            .setHeader('content-type', 'application/json')
            .end(JSON.stringify([{ id: 1, state: 'lost', colour: 'a secret' }]))
        }
      })
    }) satisfies import('node:http').RequestListener,
  }
  const { url, backend } = await startApiGateway(
    t,
    document,
    { requestValidation: 'report', responseValidation: 'report', passThrough: true },
    { ...answer, config: { status: { path: '/status', auth: 'none' } } },
  )

  // nothing that the document does not know is refused, or changed
  assert.equal((await fetch(`${url}/orders?limit=x&page=2`)).status, 200)
  const body = '{"id":"five", "note":"a secret" }'
  const twice = '{"id":5,"id":6}'
  assert.equal(
    (await fetch(`${url}/orders`, { method: 'POST', body: twice, headers: { 'content-type': 'application/json' } }))
      .status,
    202,
  )
  const made = await fetch(`${url}/orders`, { method: 'POST', body, headers: { 'content-type': 'application/json' } })
  assert.equal(made.status, 202)
  assert.equal((await fetch(`${url}/orders/17/items/a%40b`)).status, 200)
  assert.deepEqual(
    backend.received.map((request) => [request.method, request.url, request.body.toString()]),
    [
      ['GET', '/orders?limit=x&page=2', ''],
      ['POST', '/orders', twice],
      ['POST', '/orders', body],
      ['GET', '/orders/17/items/a%40b', ''],
    ],
  )

  const cwd = temporaryFolder(t, {})
  const ask = async (...words: string[]) => runCommand(t, ['drift', '--gateway', `${url}/status`, ...words], { cwd })
  const { code, stdout } = await ask()
  assert.equal(code, 0)
  assert.match(stdout, /GET \/orders\/\{\}\/items\/\{\} {2}1x/)
  assert.match(stdout, /undeclared status 202 {2}2x/)
  assert.match(stdout, /undeclared in the query: page {2}1x, text of 1 character/)
  assert.match(stdout, /undeclared in requests: \/note {2}1x, text of 8 characters/)
  assert.match(stdout, /undeclared in answers: \/\*\/colour {2}1x, text of 8 characters/)
  assert.match(stdout, /operations that nobody has called\n {4}DELETE \/orders\/\{id\}/)
  assert.ok(!stdout.includes('secret'))
  const page = await fetch(`${url}/status/drift`, { headers: { accept: 'text/html' } })
  assert.match(page.headers.get('content-type')!, /^text\/html/)
  assert.match(
    await page.text(),
    /<span class="mark">in requests<\/span> <code>\/note<\/code><\/td><td>1×<\/td><td>text of 8 characters/,
  )
  const overlay = await ask('--upstream', 'api', '--overlay', '--json')
  assert.ok(
    JSON.parse(overlay.stdout).actions.some(
      ({ target }: { target: string }) => target === '$.components.schemas.Order.properties',
    ),
  )
  const wrong = await ask('--upstream', 'other')
  assert.deepEqual([wrong.code, wrong.stderr], [1, 'gatehouse: no upstream "other" with a document, there are: api\n'])

  const enforced = await startApiGateway(t, document, { responseValidation: 'enforce' }, answer)
  assert.equal((await fetch(`${enforced.url}/orders?limit=x`)).status, 400)
  assert.equal((await fetch(`${enforced.url}/orders`)).status, 502)
  assert.equal(
    (
      await fetch(`${enforced.url}/orders`, {
        method: 'POST',
        body: '{"id":"five"}',
        headers: { 'content-type': 'application/json' },
      })
    ).status,
    400,
  )
  assert.equal(
    (
      await fetch(`${enforced.url}/orders`, {
        method: 'POST',
        body: '<id/>',
        headers: { 'content-type': 'application/xml' },
      })
    ).status,
    415,
  )
  assert.equal((await fetch(`${enforced.url}/orders/17/items/1`)).status, 404)
})

test('streams, downloads and large answers pass a check of responses as they are', async (t) => {
  const large = JSON.stringify([{ id: 1, note: 'x'.repeat(2 * 1024 * 1024) }])
  const download = Buffer.alloc(3 * 1024 * 1024, 7)
  const paths = Object.fromEntries(
    ['/events', '/file', '/large', '/none'].map((path) => [
      path,
      {
        get: {
          responses: {
            200: {
              description: 'OK',
              content: {
                'text/event-stream': { schema: { type: 'string' } },
                'application/octet-stream': {},
                'application/json': { schema: { type: 'array' } },
              },
            },
            204: { description: 'None' },
          },
        },
      },
    ]),
  )
  const { url } = await startApiGateway(
    t,
    apiDocument(paths),
    { responseValidation: 'report' },
    {
      respond: (request, response) => {
        if (request.url === '/events') response.setHeader('content-type', 'text/event-stream').write('data: 1\n\n')
        else if (request.url === '/file') response.setHeader('content-type', 'application/octet-stream').end(download)
        else if (request.url === '/none') response.writeHead(204).end()
        else response.setHeader('content-type', 'application/json').end(large)
      },
    },
  )
  const events = await fetch(`${url}/events`)
  const reader = events.body!.getReader()
  assert.equal(Buffer.from((await reader.read()).value!).toString(), 'data: 1\n\n')
  await reader.cancel()
  assert.deepEqual(Buffer.from(await (await fetch(`${url}/file`)).arrayBuffer()), download)
  assert.equal(await (await fetch(`${url}/large`)).text(), large)
  assert.equal((await fetch(`${url}/none`)).status, 204)
})

test('a document of a URL is taken over when it changes, and its copy serves while its service is away', async (t) => {
  const backend = await startBackend(t)
  const paths: Record<string, object> = { '/a': { get: { responses: { 200: { description: 'OK' } } } } }
  const publisher = createServer((_request, response) =>
    response.setHeader('content-type', 'application/json').end(JSON.stringify(apiDocument(paths))),
  )
  publisher.listen(0, '127.0.0.1')
  await once(publisher, 'listening')
  t.after(() => {
    publisher.close()
  })
  const { port } = publisher.address() as AddressInfo
  const cwd = temporaryFolder(t, {
    'routes/api.json': JSON.stringify({
      name: 'api',
      auth: 'none',
      targets: [backend.url],
      openapi: { document: `http://127.0.0.1:${port}/api.json`, refresh: '1h' },
    }),
    'openapi/gateway.yaml': 'info: { title: x, version: "1" }\n',
    'gatehouse.config.json': '{ "status": { "auth": "none" } }',
  })
  const command = startCommand(t, ['start', '--watch', '--port', '0'], { cwd })
  const url = /ready on (http:\S+?\d)[,"]/.exec(await command.line(/"ready on /))![1]!
  const status = async (path: string): Promise<number> =>
    (await fetch(url + path, { headers: { connection: 'close' } })).status
  assert.deepEqual([await status('/a'), await status('/b')], [200, 404])
  paths['/b'] = paths['/a']!
  assert.match(
    (await runCommand(t, ['refresh', '--gateway', `${url}/status`], { cwd })).stdout,
    /^api \(http:\/\/127\.0\.0\.1:\d+\/api\.json\): has changed\n$/,
  )
  await eventually('the new operation is routed', async () => (await status('/b')) === 200)
  command.child.kill('SIGTERM')
  await command.exit

  publisher.close()
  publisher.closeAllConnections()
  const { code, stdout } = await runCommand(t, ['check'], { cwd })
  assert.equal(code, 0)
  assert.match(stdout, /note: .*127\.0\.0\.1:\d+\/api\.json/)
  assert.match((await runCommand(t, ['routes'], { cwd })).stdout, /\/b/)
})
