import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { closedPort, startBackend } from '../support/backend.ts'
import { eventually } from '../support/eventually.ts'
import { startGateway } from '../support/gateway.ts'
import { countedLines } from '../support/counted.ts'

const route = { method: ['GET', 'POST'], url: '/*' }
const versions = async (t: TestContext) => {
  const [one, two] = [await startBackend(t), await startBackend(t)]
  return {
    one,
    two,
    targets: [
      { url: one.url, version: 'v1' },
      { url: two.url, version: 'v2' },
    ],
  }
}

test('requests go to the version that they get, and to another one only when there is none', async (t) => {
  const { one, two, targets } = await versions(t)
  const split = { versions: { v1: { weight: 1 }, v2: { when: { headers: { 'x-canary': 'yes' } } } } }
  const { url } = await startGateway(t, { 'a.json': { name: 'a', auth: 'none', targets, split, routes: [route] } })
  const canary = { headers: { 'x-canary': 'yes' } }
  for (let i = 0; i < 5; i++) {
    await fetch(`${url}/plain`)
    await fetch(`${url}/canary`, canary)
  }
  assert.deepEqual(
    one.received.map(({ url }) => url),
    new Array(5).fill('/plain'),
  )
  assert.deepEqual(
    two.received.map(({ url }) => url),
    new Array(5).fill('/canary'),
  )
  two.server.close()
  two.server.closeAllConnections()
  assert.equal((await fetch(`${url}/canary`, canary)).status, 200, 'the other version stands in')
})

test('a strict split has nobody stand in', async (t) => {
  const { url: target } = await startBackend(t)
  const targets = [
    { url: target, version: 'v1' },
    { url: `http://127.0.0.1:${await closedPort()}`, version: 'v2' },
  ]
  const split = { strict: true, versions: { v1: { weight: 1 }, v2: { when: { headers: { 'x-canary': 'yes' } } } } }
  const { url } = await startGateway(t, { 'a.json': { name: 'a', auth: 'none', targets, split, routes: [route] } })
  assert.equal((await fetch(url)).status, 200)
  assert.equal((await fetch(url, { headers: { 'x-canary': 'yes' } })).status, 502)
})

test('versions and targets that do not know of each other stop the boot', async (t) => {
  const files = {
    'a.json': {
      name: 'a',
      auth: 'none',
      targets: ['http://a:1', { url: 'http://b:1', version: 'v3' }],
      split: { versions: { v1: {}, v2: {} } },
      routes: [route],
    },
    'b.json': {
      name: 'b',
      prefix: '/b',
      auth: 'none',
      targets: [{ url: 'http://b:1', version: 'v3' }],
      routes: [route],
    },
  }
  await assert.rejects(startGateway(t, files), ({ problems }: { problems: { file: string; field: string }[] }) => {
    assert.deepEqual(problems.map(({ file, field }) => `${file.at(-6)} ${field}`).sort(), [
      'a split.versions',
      'a split.versions.v1',
      'a split.versions.v2',
      'a targets[0].version',
      'a targets[1].version',
      'b targets[0].version',
    ])
    return true
  })
})

test('a mirror gets a copy of what the upstream gets, bodies too, and nobody waits for it', async (t) => {
  const { url: target, received } = await startBackend(t)
  const held: (() => void)[] = []
  const shadow = await startBackend(t, (request, response) => {
    held.push(() => response.end('x'.repeat(100_000)))
    request.resume()
  })
  const body = { type: 'object' }
  const { url } = await startGateway(t, {
    'a.json': {
      name: 'a',
      prefix: '/a',
      auth: 'none',
      targets: [target],
      mirror: { targets: [`${shadow.url}/base`], maxRequests: 3, maxBody: 10 },
      routes: [
        route,
        { method: 'PUT', url: '/checked', schema: { body } },
        { method: 'GET', url: '/none', mirror: false },
      ],
      passThrough: { auth: 'none' },
    },
  })
  assert.equal((await fetch(`${url}/a/x?y=1`, { headers: { 'x-mine': '1' } })).status, 200)
  assert.equal((await fetch(`${url}/a/x`, { method: 'POST', body: 'a body' })).status, 200)
  assert.equal(
    (
      await fetch(`${url}/a/checked`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: '{"a":1}',
      })
    ).status,
    200,
  )
  await eventually('three copies', () => shadow.received.length === 3)
  assert.deepEqual(
    shadow.received.map(({ method, url, body, headers }) => [
      method,
      url,
      String(body),
      headers['x-gatehouse-mirror'],
      headers.host,
    ]),
    [
      ['GET', '/base/a/x?y=1', '', '1', `127.0.0.1:${shadow.port}`],
      ['POST', '/base/a/x', 'a body', '1', `127.0.0.1:${shadow.port}`],
      ['PUT', '/base/a/checked', '{"a":1}', '1', `127.0.0.1:${shadow.port}`],
    ],
  )
  assert.equal(shadow.received[0]!.headers['x-mine'], '1')
  assert.equal(received[0]!.headers['x-gatehouse-mirror'], undefined)
  assert.equal((await fetch(`${url}/a/full`)).status, 200)
  for (const answer of held.splice(0)) answer()
  // the shadow is done with the first three when there is room again
  await eventually('a copy of what comes later', async () => {
    await (await fetch(`${url}/a/room`)).text()
    return shadow.received.some(({ url }) => url === '/base/a/room')
  })
  for (const answer of held.splice(0)) answer()
  assert.ok(!shadow.received.some(({ url }) => url === '/base/a/full'), 'beyond its bound nothing is copied')
  const before = received.length
  assert.equal((await fetch(`${url}/a/none`)).status, 200)
  assert.equal((await fetch(`${url}/a/x`, { method: 'POST', body: 'a body that is too large' })).status, 200)
  assert.equal(String(received.at(-1)!.body), 'a body that is too large')
  assert.ok(received.length > before)
  assert.ok(!shadow.received.some(({ url, body }) => url === '/base/a/none' || body.length > 10))
})

test('a shadow that is away fails nobody', async (t) => {
  const { url: target } = await startBackend(t)
  const { url, app } = await startGateway(t, {
    'a.json': {
      name: 'a',
      auth: 'none',
      targets: [target],
      mirror: { targets: [`http://127.0.0.1:${await closedPort()}`] },
      routes: [route],
    },
  })
  for (let i = 0; i < 10; i++) assert.equal((await fetch(url, { method: 'POST', body: 'x' })).status, 200)
  const counted = () => /decision="mirror_missed",upstream="a~mirror",target=""} 1/.test(countedLines(app))
  await eventually('counted', counted)
})
