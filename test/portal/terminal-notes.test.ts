import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  addressed,
  addressOf,
  GATEWAY_ADDRESS,
  socketNote,
  streamNote,
  type TerminalCall,
} from '../../src/portal/terminal-notes.ts'
import { OpenApiDocument } from '../../src/portal/openapi-document.ts'
import type { DocumentedRoute } from '../../src/portal/openapi-operation.ts'

const call = (more: Partial<TerminalCall> = {}): TerminalCall => ({
  method: 'GET',
  address: 'https://x.example',
  path: '/t',
  parameters: [],
  security: [],
  ...more,
})
const lineOf = (note: string): string => /```sh\n(.*)\n```/.exec(note)![1]!

test('a stream of events has a curl line that does not wait for its end', () => {
  assert.equal(lineOf(streamNote(call())), "curl -N 'https://x.example/t'")
  assert.equal(
    lineOf(streamNote(call({ method: 'POST', mediaType: 'application/json' }))),
    "curl -N -X POST 'https://x.example/t' -H 'Content-Type: application/json' -d '<body>'",
  )
  assert.equal(
    lineOf(
      streamNote(
        call({
          path: '/r/{room-id}/t',
          parameters: [{ in: 'query', name: 'a b', required: true }, { in: 'query', name: 'c' }, { $ref: '#/x' }],
        }),
      ),
    ),
    "curl -N 'https://x.example/r/<room-id>/t?a%20b=<a b>'",
  )
})

test('a WebSocket has a line for wscat', () => {
  assert.equal(lineOf(socketNote(call())), "wscat -c 'wss://x.example/t'")
  assert.equal(lineOf(socketNote(call({ address: 'http://127.0.0.1:3000' }))), "wscat -c 'ws://127.0.0.1:3000/t'")
})

for (const [security, sse, socket] of [
  [{ type: 'http', scheme: 'bearer' }, " -H 'Authorization: Bearer <token>'", " -H 'Authorization: Bearer <token>'"],
  [{ type: 'http', scheme: 'basic' }, " -u '<user>:<password>'", " --auth '<user>:<password>'"],
  [{ type: 'apiKey', in: 'header', name: "x-it's" }, " -H 'x-it'\\''s: <key>'", " -H 'x-it'\\''s: <key>'"],
  [{ type: 'apiKey', in: 'cookie', name: 'sid' }, " -H 'Cookie: sid=<value>'", " -H 'Cookie: sid=<value>'"],
  [{ type: 'mutualTLS' }, ' --cert <certificate.pem> --key <key.pem>', ' --cert <certificate.pem> --key <key.pem>'],
] as const) {
  test(`a line has a place for credentials of ${JSON.stringify(security)}`, () => {
    assert.equal(lineOf(streamNote(call({ security: [security] }))), `curl -N 'https://x.example/t'${sse}`)
    assert.equal(lineOf(socketNote(call({ security: [security] }))), `wscat -c 'wss://x.example/t'${socket}`)
  })
}

test('a key in the query stands in the URL', () => {
  const security = [{ type: 'apiKey', in: 'query', name: 'key' }]
  assert.equal(lineOf(socketNote(call({ security }))), "wscat -c 'wss://x.example/t?key=<key>'")
})

test('the address is that of the host, the server of the document, or the request for the document', () => {
  assert.equal(addressOf(['app.lan', 'b.lan']), 'https://app.lan')
  assert.equal(addressOf(['*.lan']), 'https://www.lan')
  assert.equal(addressOf(undefined, 'https://api.example.com/v1/'), 'https://api.example.com/v1')
  assert.equal(addressOf(undefined, '/v1'), `${GATEWAY_ADDRESS}/v1`)
  assert.equal(addressOf(undefined), GATEWAY_ADDRESS)
  const text = `${lineOf(streamNote(call({ address: GATEWAY_ADDRESS })))} ${lineOf(socketNote(call({ address: GATEWAY_ADDRESS })))}`
  assert.equal(
    addressed(text, 'https://a.example:8443'),
    "curl -N 'https://a.example:8443/t' wscat -c 'wss://a.example:8443/t'",
  )
})

test('only operations that answer with a stream, or take a WebSocket, have such a line', () => {
  const route = (url: string, response: object, config: object = {}): [DocumentedRoute] => [
    { method: 'GET', url, schema: { response }, config: { auth: { jwt: {} }, upstream: 'a', ...config } },
  ]
  const events = {
    description: 'Events',
    content: { 'text/event-stream; charset=utf-8': { schema: { type: 'string' } } },
  }
  const { paths } = new OpenApiDocument(
    [
      route('/events', { '2xx': events }, { hosts: ['app.lan'] }),
      route('/both', { default: events }, { websocket: true }),
      route('/failing', { 500: events }),
      [
        {
          method: 'GET',
          url: '/produced',
          schema: { produces: ['text/event-stream'], response: { 200: { type: 'string' }, 404: { type: 'object' } } },
          config: { auth: 'none', upstream: 'a' },
        },
      ],
      [
        {
          method: 'GET',
          url: '/undescribed',
          schema: { produces: ['text/event-stream'] },
          config: { auth: 'none', upstream: 'a' },
        },
      ],
      route('/plain', { 200: { type: 'object' } }),
    ],
    { securitySchemes: { jwt: { type: 'http', scheme: 'bearer' } }, server: 'https://api.example.com' },
  ) as any
  const linesOf = (path: string): string[] => (paths[path].get.description ?? '').match(/^(?:curl|wscat).*/gm) ?? []
  assert.deepEqual(linesOf('/events'), ["curl -N 'https://app.lan/events' -H 'Authorization: Bearer <token>'"])
  assert.deepEqual(
    linesOf('/both').map((line) => line.split(' ')[0]),
    ['curl', 'wscat'],
  )
  assert.deepEqual(
    [...linesOf('/produced'), ...linesOf('/undescribed')],
    ["curl -N 'https://api.example.com/produced'", "curl -N 'https://api.example.com/undescribed'"],
  )
  assert.deepEqual(Object.keys(paths['/produced'].get.responses['200'].content), ['text/event-stream'])
  assert.deepEqual(Object.keys(paths['/produced'].get.responses['404'].content), ['application/json'])
  assert.deepEqual(Object.keys(paths['/undescribed'].get.responses['2XX'].content), ['text/event-stream'])
  assert.deepEqual([...linesOf('/failing'), ...linesOf('/plain')], [])
})
