import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startBackend } from '../support/backend.ts'
import { startGateway } from '../support/gateway.ts'
import { rawRequest } from '../support/raw-client.ts'

const open = (target: string) => ({
  'a.json': {
    name: 'a',
    prefix: '/a',
    auth: 'none',
    targets: [target],
    passThrough: { websocket: true },
    routes: [{ method: 'POST', url: '/checked', bodyLimit: 10, schema: { body: { type: 'object' } } }],
  },
})

const REFUSED: [string, string, number, string][] = [
  [
    'an expectation other than 100-continue',
    'POST /a/x HTTP/1.1\r\nhost: x\r\nexpect: magic\r\ncontent-length: 1\r\n\r\nx',
    417,
    'GW_EXPECTATION_FAILED',
  ],
  ['no host', 'GET /a/x HTTP/1.1\r\n\r\n', 400, 'GW_BAD_HOST'],
  ['a host with a path', 'GET /a/x HTTP/1.1\r\nhost: x/y\r\n\r\n', 400, 'GW_BAD_HOST'],
  ['a URL of another host', 'GET http://y/a/x HTTP/1.1\r\nhost: x\r\n\r\n', 400, 'GW_BAD_HOST'],
  ['asterisk-form', 'GET * HTTP/1.1\r\nhost: x\r\n\r\n', 400, 'GW_BAD_PATH'],
  ['a dot segment', 'GET /a/../x HTTP/1.1\r\nhost: x\r\n\r\n', 400, 'GW_BAD_PATH'],
  [
    'a coded body',
    'POST /a/x HTTP/1.1\r\nhost: x\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
    501,
    'GW_UNSUPPORTED_CODING',
  ],
  [
    'an upgrade without key',
    'GET /a/x HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\r\n',
    400,
    'GW_UPGRADE_REFUSED',
  ],
  [
    'an upgrade without version',
    'GET /a/x HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    400,
    'GW_UPGRADE_REFUSED',
  ],
]
for (const [what, request, status, code] of REFUSED) {
  test(`${what} is refused with ${code}, and the upstream sees nothing`, async (t) => {
    const backend = await startBackend(t)
    const { port } = await startGateway(t, open(backend.url))
    const response = await rawRequest(port, request)
    assert.equal(response.status, status)
    assert.match(response.headers['content-type']!, /^application\/problem\+json/)
    assert.equal(JSON.parse(response.body).code, code)
    assert.equal(backend.received.length, 0)
  })
}

test('HTTP/1.0 may leave the host out', async (t) => {
  const { port } = await startGateway(t, {})
  assert.equal((await rawRequest(port, 'GET /livez HTTP/1.0\r\n\r\n')).status, 200)
})

test('a body that is announced as too long is not asked for', async (t) => {
  const backend = await startBackend(t)
  const { port } = await startGateway(t, open(backend.url))
  const { status, text } = await rawRequest(
    port,
    'POST /a/checked HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-type: application/json\r\ncontent-length: 11\r\n\r\n',
  )
  assert.equal(status, 413)
  assert.doesNotMatch(text, /100 Continue/)
})
