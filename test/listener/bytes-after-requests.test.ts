import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test, type TestContext } from 'node:test'
import { startBackend } from '../support/backend.ts'
import { type Gateway, startGateway } from '../support/gateway.ts'

const POST = 'POST /a/x HTTP/1.1\r\nhost: x\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nhi'
const CLOSING = POST.replace('host: x', 'host: x\r\nconnection: close')
const CHUNKED = 'POST /a/x HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n'
const HTTP10 = 'POST /a/x HTTP/1.0\r\nhost: x\r\ncontent-length: 2\r\n\r\nhi'
const JUNK = '\x00\x01 no request at all\r\n\r\n'

/** An upstream that answers late, so that what follows a request comes before its answer. */
async function start(t: TestContext): Promise<{ gateway: Gateway; answered: () => number }> {
  let answered = 0
  const backend = await startBackend(t, (request, response) => {
    request.on('end', () =>
      setTimeout(() => {
        answered++
        response.end('x'.repeat(100_000))
      }, 20),
    )
  })
  const file = {
    name: 'a',
    prefix: '/a',
    auth: 'none',
    targets: [backend.url],
    routes: [{ method: ['GET', 'POST'], url: '/x' }],
  }
  return { gateway: await startGateway(t, { 'a.json': file }), answered: () => answered }
}

/** Sends bytes and reads until the gateway closes. A reset rejects. */
async function exchange(t: TestContext, port: number, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1').setEncoding('latin1')
  t.after(() => socket.destroy())
  let text = ''
  socket.on('data', (chunk: string) => {
    text += chunk
  })
  socket.write(Buffer.from(bytes, 'latin1'))
  await once(socket, 'end')
  return text
}

const statuses = (text: string): string => [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status).join(' ')

const CASES: readonly (readonly [name: string, bytes: string, statuses: string])[] = [
  ['a request, then junk', POST + JUNK, '200 400'],
  ['a chunked request, then junk', CHUNKED + JUNK, '200 400'],
  ['two requests, then junk', POST + POST + JUNK, '200 200 400'],
  [
    'a GET and two requests, then junk',
    'GET /a/x HTTP/1.1\r\nhost: x\r\n\r\n' + CHUNKED + POST + JUNK,
    '200 200 200 400',
  ],
  ['a request, then much junk', POST + JUNK.repeat(50_000), '200 400'],
  [
    'a request, then a second one whose chunks are wrong',
    `${POST}POST /a/x HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n`,
    '200 400',
  ],
  ['a last request, then junk', CLOSING + JUNK, '200'],
  ['a last request, then much junk', CLOSING + JUNK.repeat(50_000), '200'],
  ['a last request, then another request', CLOSING + POST, '200'],
  ['a request and a last one, then junk', POST + CLOSING + JUNK, '200 200'],
  ['an HTTP/1.0 request, then junk', HTTP10 + JUNK, '200'],
]

test('what follows complete requests does not take their answers away', async (t) => {
  const { gateway, answered } = await start(t)
  for (const [name, bytes, expected] of CASES) {
    await t.test(name, { timeout: 60_000 }, async (t) => {
      const before = answered()
      const text = await exchange(t, gateway.port, bytes)
      assert.equal(statuses(text), expected)
      const whole = expected.split(' ').filter((status) => status === '200').length
      assert.equal(text.split('x'.repeat(100_000)).length - 1, whole, 'whole answers')
      assert.equal(answered() - before, whole, 'requests that reached the upstream')
      if (expected.endsWith('400')) assert.match(text, /connection: close\r\n\r\n\{.*GW_BAD_REQUEST/)
    })
  }
})

test(
  'an answer before the end of a large body arrives, though the client goes on sending',
  { timeout: 60_000 },
  async (t) => {
    const { gateway } = await start(t)
    const text = await exchange(
      t,
      gateway.port,
      `POST /nowhere HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 5000000\r\n\r\n${'x'.repeat(5_000_000)}`,
    )
    assert.equal(statuses(text), '404')
  },
)
