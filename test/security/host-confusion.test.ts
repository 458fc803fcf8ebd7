import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startGateway } from '../support/gateway.ts'
import { rawRequest } from '../support/raw-client.ts'
import { CONTRADICTIONS, NOT_OURS } from './corpus.ts'
import { askBoth, get, startRecorder, UPGRADE } from './wire.ts'

// CVE-2026-55602
test('a host is matched whole: no part, suffix or look-alike of it reaches the upstream, upgrades included', async (t) => {
  const backend = await startRecorder(t)
  const { port } = await startGateway(t, {
    'a.json': {
      name: 'a',
      hosts: ['local.test', '*.wild.test'],
      auth: 'none',
      targets: [backend.url],
      routes: [{ method: 'GET', url: '/r', websocket: true }],
      passThrough: { websocket: true },
    },
  })
  for (const host of NOT_OURS) {
    for (const path of ['/r', '/x']) {
      for (const { status } of await askBoth(port, path, '', host)) {
        assert.ok(status === 400 || status === 404, `${JSON.stringify(host)}: ${status}`)
      }
    }
  }
  assert.deepEqual(backend.targets(), [])
  for (const host of ['local.test', 'LOCAL.test:8080', 'local.test.', 'a.wild.test', 'A.Wild.Test:1']) {
    for (const { status } of await askBoth(port, '/x', '', host)) assert.ok(status === 200 || status === 101, host)
  }
})

test('a request that names two hosts, or none, is refused', async (t) => {
  const backend = await startRecorder(t)
  const file = (name: string, more: object) => ({
    name,
    auth: 'none',
    targets: [backend.url],
    passThrough: { websocket: true },
    ...more,
  })
  const { port } = await startGateway(t, {
    'a.json': file('a', { hosts: ['local.test'] }),
    'b.json': file('b', { hosts: ['other.test'] }),
    'c.json': file('c', { prefix: '/x' }),
  })
  for (const [what, head] of CONTRADICTIONS) {
    for (const more of ['', UPGRADE]) assert.equal((await rawRequest(port, `${head}${more}\r\n`)).status, 400, what)
  }
  assert.deepEqual(backend.targets(), [])
})

// CVE-2026-3635, CVE-2026-44578
test('only Host routes: forwarded hosts, an internal prefix and the target of an upgrade have no say', async (t) => {
  const [inner, outer] = [await startRecorder(t), await startRecorder(t)]
  const { port } = await startGateway(t, {
    'a.json': {
      name: 'a',
      hosts: ['inner.test'],
      auth: 'none',
      targets: [inner.url],
      passThrough: { websocket: true },
    },
    'b.json': {
      name: 'b',
      hosts: ['outer.test'],
      auth: 'none',
      targets: [outer.url],
      passThrough: { websocket: true },
    },
  })
  for (const more of [
    'x-forwarded-host: inner.test\r\n',
    'forwarded: host=inner.test\r\n',
    'x-host: inner.test\r\n',
    'x-original-host: inner.test\r\n',
    'x-forwarded-server: inner.test\r\n',
    ':authority: inner.test\r\n',
    'connection: host\r\n',
  ]) {
    await askBoth(port, '/x', more, 'outer.test')
  }
  for (const target of [
    '/.host-0/x',
    '/%2Ehost-0/x',
    '//.host-0/x',
    `http://127.0.0.1:${inner.port}/x`,
    `//127.0.0.1:${inner.port}/x`,
    'http://inner.test/x',
    `ws://127.0.0.1:${inner.port}/x`,
  ]) {
    await askBoth(port, target, '', 'outer.test')
  }
  assert.deepEqual(inner.targets(), [])
  assert.ok(
    outer.received.every(
      ({ headers }) => headers.host === 'outer.test' && headers['x-forwarded-host'] === 'outer.test',
    ),
  )
  assert.ok((await rawRequest(port, get('/x', '', '1.1', 'inner.test'))).status === 200 && inner.targets().length === 1)
})
