import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { once } from 'node:events'
import { test, type TestContext } from 'node:test'
import type { ConfigInput } from '../../../src/config/config-schema.ts'
import { SECRET, send, signedHeaders, type SignedRequest } from '../../auth/http-signature/signer.ts'
import { publicPem, ed25519 } from '../../auth/jwt/key-pairs.ts'
import { startBackend } from '../../support/backend.ts'
import { routesFolder, startGateway } from '../../support/gateway.ts'

async function start(t: TestContext, signatures: object = {}, config: ConfigInput = {}) {
  const backend = await startBackend(t)
  const gateway = await startGateway(
    t,
    {
      'a.json': {
        name: 'a',
        prefix: '/a',
        targets: [backend.url],
        auth: { signature: {} },
        passThrough: true,
        routes: [
          { method: ['GET', 'POST'], url: '/stream' },
          {
            method: 'POST',
            url: '/checked',
            schema: { body: { type: 'object', properties: { n: { type: 'integer' } } } },
          },
          { method: 'GET', url: '/scoped', auth: { signature: { scopes: ['x'] } } },
          { method: 'POST', url: '/maybe', auth: { optional: { signature: {} } } },
        ],
      },
      'own.ts': `export default async function own (app) {
      app.removeAllContentTypeParsers()
      app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => done(null, body))
      app.post('/own', { config: { auth: { signature: {} } } }, (request) => ({ got: request.body, by: request.consumer.id }))
    }`,
    },
    {
      ...config,
      signatures: { keys: [{ keyid: 'k1', consumer: 'ada', secret: SECRET }], ...signatures },
    } as ConfigInput,
  )
  const host = `127.0.0.1:${gateway.port}`
  const ask = (
    path: string,
    {
      body,
      sentBody = body,
      method = body === undefined ? 'GET' : 'POST',
      chunked = false,
      ...more
    }: Partial<SignedRequest> & { sentBody?: string | Buffer; chunked?: boolean } = {},
  ) => {
    const pieces = sentBody === undefined ? [] : [sentBody]
    const length = Buffer.byteLength(sentBody ?? '')
    const headers = signedHeaders({ path, host, body, method, ...more })
    return send(gateway.url + path, {
      method,
      pieces,
      headers: {
        ...headers,
        ...(body === undefined
          ? {}
          : { 'content-type': 'application/json', ...(chunked ? {} : { 'content-length': String(length) }) }),
      },
    })
  }
  return { ...gateway, backend, ask, host }
}

test('a signed request passes; its signature stays with the gateway', async (t) => {
  const { ask, backend } = await start(t, {}, { identityHeaders: { 'x-user': 'sub' } })
  assert.equal((await ask('/a/stream?x=%20')).status, 200)
  const { headers } = backend.received[0]!
  assert.deepEqual([headers['x-user'], headers.signature, headers['signature-input']], ['ada', undefined, undefined])
  assert.equal((await ask('/a/stream', { sign: () => Buffer.alloc(32) })).status, 401)
  assert.equal((await ask('/a/scoped')).status, 403)
  assert.equal(backend.received.length, 1)
})

test('the path is signed as it is sent, and forwarded in its canonical form', async (t) => {
  const { ask, backend } = await start(t)
  assert.equal((await ask('/a/%73tream')).status, 200)
  assert.equal(backend.received[0]!.url, '/a/stream')
})

test('a body that is the signed one passes wherever it is read', async (t) => {
  const { ask, backend } = await start(t)
  const large = JSON.stringify({ text: 'x'.repeat(300_000) })
  for (const chunked of [false, true]) {
    for (const path of ['/a/stream', '/a/other', '/a/maybe']) {
      assert.equal((await ask(path, { body: large, chunked })).status, 200, path)
      assert.equal(backend.received.pop()!.body.toString(), large)
    }
    assert.equal((await ask('/a/checked', { body: '{"n": 1}', chunked })).status, 200)
    assert.equal(backend.received.pop()!.body.toString(), '{"n": 1}')
    assert.deepEqual(JSON.parse((await ask('/own', { body: '{"n": 1}', chunked })).body), {
      got: '{"n": 1}',
      by: 'ada',
    })
  }
  assert.equal((await ask('/a/stream', { body: '' })).status, 200)
})

test('a body that is another is refused, and reaches nobody as a whole', async (t) => {
  const { ask, backend } = await start(t)
  const large = 'x'.repeat(300_000)
  for (const chunked of [false, true]) {
    for (const path of ['/a/stream', '/a/other', '/a/maybe', '/own', '/a/checked']) {
      const { status, body } = await ask(path, { body: '{"n":1}', sentBody: '{"n":2}', chunked })
      assert.deepEqual([status, JSON.parse(body).code], [401, 'GW_UNAUTHORIZED'], path)
    }
    for (const path of ['/a/stream', '/a/other']) {
      assert.equal((await ask(path, { body: `${large}1`, sentBody: `${large}2`, chunked })).status, 401)
    }
  }
  // what is told is the number of requests that the backend has read to their end
  assert.equal(backend.received.length, 0)
  assert.equal((await ask('/a/stream')).status, 200, 'the gateway goes on')
})

test('a body that breaks off leaves nothing hanging', async (t) => {
  const { ask, host, port, backend } = await start(t)
  for (const path of ['/a/stream', '/a/checked', '/own']) {
    const headers = signedHeaders({ path, host, method: 'POST', body: '{"n":1}' })
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    socket.write(
      `POST ${path} HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\nContent-Length: 7\r\n${Object.entries(
        headers,
      )
        .map((pair) => pair.join(': '))
        .join('\r\n')}\r\n\r\n{"n"`,
    )
    await new Promise((resolve) => setImmediate(resolve))
    socket.resetAndDestroy()
    await once(socket, 'close')
  }
  assert.equal((await ask('/a/stream')).status, 200)
  assert.equal(backend.received.length, 1)
})

test('with nonces a request is taken once', async (t) => {
  const { host, url } = await start(t, { requireNonce: true })
  const headers = signedHeaders({ path: '/a/stream', host, parameters: ';nonce="n1"' })
  const statuses = []
  for (let i = 0; i < 2; i++) statuses.push((await send(`${url}/a/stream`, { headers })).status)
  assert.deepEqual(statuses, [200, 401])
})

test('keys can come from files; mistakes stop the boot', async (t) => {
  const folder = await routesFolder(t, {})
  await writeFile(join(folder, 'secret'), `${SECRET}\n`)
  await writeFile(join(folder, 'key.pem'), publicPem(ed25519))
  const { ask } = await start(t, {
    keys: [
      { keyid: 'k0', publicKeyFile: join(folder, 'key.pem') },
      { keyid: 'k1', secretFile: join(folder, 'secret') },
    ],
  })
  assert.equal((await ask('/a/stream')).status, 200)
  await assert.rejects(
    start(t, { keys: [{ keyid: 'k1', secretFile: join(folder, 'gone') }] }),
    /signatures\.keys\[0\]\.secretFile: the file .*gone cannot be read \(ENOENT\)/,
  )
  await assert.rejects(start(t, { keys: [{ keyid: 'k1' }] }), /signatures\.keys\[0\]: needs one key/)
})
