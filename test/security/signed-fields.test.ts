import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { contentDigest, SECRET, signedHeaders, type SignedRequest } from '../auth/http-signature/signer.ts'
import { startGateway } from '../support/gateway.ts'
import { rawRequest } from '../support/raw-client.ts'
import { startRecorder } from './wire.ts'

async function start(t: TestContext) {
  const backend = await startRecorder(t)
  const { port } = await startGateway(
    t,
    {
      'a.json': {
        name: 'a',
        auth: { signature: {} },
        targets: [backend.url],
        forwardMethodOverride: true,
        passThrough: true,
        routes: [{ method: ['GET', 'POST'], url: '/declared' }],
      },
    },
    { signatures: { keys: [{ keyid: 'k1', secret: SECRET }] } },
  )
  /** Sends what was signed, with lines that were not; `more` comes first or last. */
  const send = async (
    path: string,
    request: Partial<SignedRequest>,
    more: string[],
    { first = false, trailers = '' } = {},
  ) => {
    const { method = request.body === undefined ? 'GET' : 'POST', body = '' } = request
    const lines = Object.entries(signedHeaders({ host: 'x', path, method, ...request })).map(
      ([name, value]) => `${name}: ${value}`,
    )
    const all = first ? [...more, ...lines] : [...lines, ...more]
    const framing =
      body === ''
        ? '\r\n'
        : `transfer-encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${String(body)}\r\n0\r\n${trailers}\r\n`
    return rawRequest(
      port,
      `${method} ${path} HTTP/1.1\r\nhost: x\r\n${all.map((line) => `${line}\r\n`).join('')}${framing}`,
    )
  }
  return { backend, send }
}

const AMOUNT: Partial<SignedRequest> = {
  headers: { 'x-amount': '10' },
  covered: ['@method', '@target-uri', 'x-amount'],
}
const BODY: Partial<SignedRequest> = {
  ...AMOUNT,
  body: 'ten',
  covered: [...AMOUNT.covered!, 'content-digest', 'content-type'],
  headers: { 'x-amount': '10', 'content-type': 'text/plain' },
}

/** What is sent beside a signed request to remove, change or shadow what was signed. */
const ATTACKS: [string, string[]][] = [
  ['Connection names it', ['connection: x-amount']],
  ['Connection names it in capitals, among others', ['Connection: keep-alive, X-AMOUNT ,close']],
  ['two Connections', ['connection: keep-alive', 'connection: x-amount']],
  ['a keep-alive that names it too', ['connection:x-amount,keep-alive']],
  ['an underscore', ['x_amount: 1000']],
  ['an underscore in capitals', ['X_AMOUNT: 1000']],
  ['a point', ['x.amount: 1000']],
  ['other characters', ["x'amount: 1000"]],
  ['a tilde', ['X~Amount: 1000']],
  ['a second line', ['x-amount: 1000']],
  ['a second line in capitals', ['X-Amount: 1000']],
  ['an empty second line', ['x-amount:']],
  ['another method in a header', ['x-http-method-override: DELETE']],
  ['another method with underscores', ['X_HTTP_Method: DELETE']],
  ['yet another', ['x-method-override: PUT']],
]
const BODY_ATTACKS: [string, string[]][] = [
  ['Connection names the digest', ['connection: content-digest']],
  ['another digest', [`content_digest: ${contentDigest('1000')}`]],
  ['a second digest', [`content-digest: ${contentDigest('1000')}`]],
  ['a second type', ['content-type: application/json']],
  ['a type with underscore', ['content_type: application/json']],
  ['Connection names the type', ['connection: content-type']],
]

for (const path of ['/declared', '/passed']) {
  for (const [name, more] of ATTACKS) {
    test(`what was signed arrives as it was signed: ${name}, ${path}`, async (t) => {
      const { backend, send } = await start(t)
      for (const first of [false, true]) assert.equal((await send(path, AMOUNT, more, { first })).status, 401)
      assert.deepEqual(backend.targets(), [])
    })
  }

  test(`the digest of a body and its type arrive as they were signed: ${path}`, async (t) => {
    const { backend, send } = await start(t)
    for (const [name, more] of [...BODY_ATTACKS, ...ATTACKS]) {
      for (const first of [false, true]) assert.equal((await send(path, BODY, more, { first })).status, 401, name)
    }
    assert.deepEqual(backend.targets(), [])
  })

  test(`what is signed and sent properly passes: ${path}`, async (t) => {
    const { backend, send } = await start(t)
    assert.equal(
      (await send(path, AMOUNT, ['x-other: 1', 'x_other: 2', 'connection: x-gone', 'x-gone: 1'])).status,
      200,
    )
    assert.equal(
      (await send(path, BODY, ['trailer: x-amount'], { trailers: 'x-amount: 1000\r\ncontent-digest: x\r\n' })).status,
      200,
    )
    assert.equal(
      (
        await send(
          path,
          {
            headers: { 'x-http-method-override': 'PUT' },
            covered: ['@method', '@target-uri', 'x-http-method-override'],
          },
          [],
        )
      ).status,
      200,
    )
    assert.deepEqual(
      backend.received.map(({ headers, trailers }) => [headers['x-amount'], Object.keys(trailers)]),
      [
        ['10', []],
        ['10', []],
        [undefined, []],
      ],
    )
    assert.doesNotMatch(backend.wire(), /1000/)
  })
}
