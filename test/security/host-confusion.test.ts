import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startGateway } from '../support/gateway.ts'
import { rawRequest } from '../support/raw-client.ts'
import { askBoth, get, startRecorder, UPGRADE } from './wire.ts'

const NOT_OURS = [
  'evillocal.test', 'evillocal.test:3000', 'local.test.evil', 'local.testx', 'local.test-x', 'xlocal.test', 'local', 'test', '.local.test', 'local..test', 'local.test..', 'wild.test', '.wild.test', 'xwild.test', 'a.b.wild.test', 'a.wild.test.evil', '*.wild.test', '*',
  'local.test@evil', 'evil@local.test', 'evil/local.test', 'local.test/evil', 'evil#local.test', 'evil?local.test', 'evil\\local.test', 'local.test,evil', 'evil,local.test', 'evil local.test', 'evil\tlocal.test', 'local.test:', 'local.test:x', 'local.test:80:80', 'local.test:999999', 'local.test:-1', 'local.test:80@evil',
  '[local.test]', '[::1', '::1', '[::1]x', '%6cocal.test', 'local%2etest', 'l\xf6cal.test', 'local.test\x7f', '"local.test"', '-local.test', '__proto__', 'constructor', '', '-',
]
// CVE-2026-55602
test('a host is matched whole: no part, suffix or look-alike of it reaches the upstream, upgrades included', async (t) => {
  const backend = await startRecorder(t)
  const { port } = await startGateway(t, {
    'a.json': { name: 'a', hosts: ['local.test', '*.wild.test'], auth: 'none', targets: [backend.url], routes: [{ method: 'GET', url: '/r', websocket: true }], passThrough: { websocket: true } },
  })
  for (const host of NOT_OURS) {
    for (const path of ['/r', '/x']) {
      for (const { status } of await askBoth(port, path, '', host)) assert.ok(status === 400 || status === 404, `${JSON.stringify(host)}: ${status}`)
    }
  }
  assert.deepEqual(backend.targets(), [])
  for (const host of ['local.test', 'LOCAL.test:8080', 'local.test.', 'a.wild.test', 'A.Wild.Test:1']) {
    for (const { status } of await askBoth(port, '/x', '', host)) assert.ok(status === 200 || status === 101, host)
  }
})

const CONTRADICTIONS: [string, string][] = [
  ['two hosts', 'GET /x HTTP/1.1\r\nhost: local.test\r\nhost: other.test\r\n'], ['two equal hosts', 'GET /x HTTP/1.1\r\nhost: local.test\r\nHOST: local.test\r\n'], ['two hosts, the second in capitals', 'GET /x HTTP/1.1\r\nhost: other.test\r\nHost: local.test\r\n'],
  ['another authority in the target', 'GET http://local.test/x HTTP/1.1\r\nhost: other.test\r\n'], ['a port in the target alone', 'GET http://local.test:81/x HTTP/1.1\r\nhost: local.test\r\n'], ['userinfo in the target', 'GET http://other.test@local.test/x HTTP/1.1\r\nhost: local.test\r\n'],
  ['userinfo in both', 'GET http://other.test@local.test/x HTTP/1.1\r\nhost: other.test@local.test\r\n'], ['a target without a host header', 'GET http://local.test/x HTTP/1.1\r\n'], ['a backslash in the authority', 'GET http://local.test\\@other.test/x HTTP/1.1\r\nhost: local.test\r\n'],
  ['no host', 'GET /x HTTP/1.1\r\n'], ['a folded host', 'GET /x HTTP/1.1\r\nhost: other.test\r\n local.test\r\n'], ['a space before the colon', 'GET /x HTTP/1.1\r\nhost : local.test\r\n'],
]
test('a request that names two hosts, or none, is refused', async (t) => {
  const backend = await startRecorder(t)
  const file = (name: string, more: object) => ({ name, auth: 'none', targets: [backend.url], passThrough: { websocket: true }, ...more })
  const { port } = await startGateway(t, { 'a.json': file('a', { hosts: ['local.test'] }), 'b.json': file('b', { hosts: ['other.test'] }), 'c.json': file('c', { prefix: '/x' }) })
  for (const [what, head] of CONTRADICTIONS) {
    for (const more of ['', UPGRADE]) assert.equal((await rawRequest(port, `${head}${more}\r\n`)).status, 400, what)
  }
  assert.deepEqual(backend.targets(), [])
})

// CVE-2026-3635, CVE-2026-44578
test('only Host routes: forwarded hosts, an internal prefix and the target of an upgrade have no say', async (t) => {
  const [inner, outer] = [await startRecorder(t), await startRecorder(t)]
  const { port } = await startGateway(t, {
    'a.json': { name: 'a', hosts: ['inner.test'], auth: 'none', targets: [inner.url], passThrough: { websocket: true } },
    'b.json': { name: 'b', hosts: ['outer.test'], auth: 'none', targets: [outer.url], passThrough: { websocket: true } },
  })
  for (const more of ['x-forwarded-host: inner.test\r\n', 'forwarded: host=inner.test\r\n', 'x-host: inner.test\r\n', 'x-original-host: inner.test\r\n', 'x-forwarded-server: inner.test\r\n', ':authority: inner.test\r\n', 'connection: host\r\n']) {
    await askBoth(port, '/x', more, 'outer.test')
  }
  for (const target of ['/.host-0/x', '/%2Ehost-0/x', '//.host-0/x', `http://127.0.0.1:${inner.port}/x`, `//127.0.0.1:${inner.port}/x`, 'http://inner.test/x', `ws://127.0.0.1:${inner.port}/x`]) await askBoth(port, target, '', 'outer.test')
  assert.deepEqual(inner.targets(), [])
  assert.ok(outer.received.every(({ headers }) => headers.host === `127.0.0.1:${outer.port}` && headers['x-forwarded-host'] === 'outer.test'))
  assert.ok((await rawRequest(port, get('/x', '', '1.1', 'inner.test'))).status === 200 && inner.targets().length === 1)
})
