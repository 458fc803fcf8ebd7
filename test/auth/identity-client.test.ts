import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { IdentityClient, identityUrl } from '../../src/auth/identity-client.ts'
import { closedPort, startBackend, startRawBackend } from '../support/backend.ts'

function clientOf(t: TestContext, timeoutMs = 60_000): IdentityClient {
  const client = new IdentityClient(timeoutMs)
  t.after(() => client.close())
  return client
}
const get = { method: 'GET', headers: ['x-asked', 'yes'] } as const
const ask = (client: IdentityClient, url: string) => client.ask(new URL(url), { ...get, headers: [...get.headers] })

test('one request brings one answer, with status, headers and body', async (t) => {
  const backend = await startBackend(t, (_request, response) =>
    response.writeHead(201, { 'x-who': 'ada', 'set-cookie': ['a=1', 'b=2'] }).end('hello'),
  )
  const answer = await clientOf(t).ask(new URL(`${backend.url}/path?q=1`), {
    method: 'POST',
    headers: ['content-type', 'text/plain'],
    body: 'question',
  })
  assert.deepEqual(
    [answer.status, answer.headers['x-who'], answer.headers['set-cookie'], answer.body.toString()],
    [201, 'ada', ['a=1', 'b=2'], 'hello'],
  )
  assert.deepEqual(
    [backend.received[0]!.method, backend.received[0]!.url, backend.received[0]!.body.toString()],
    ['POST', '/path?q=1', 'question'],
  )
})

test('redirects are answers', async (t) => {
  const backend = await startBackend(t, (_request, response) =>
    response.writeHead(302, { location: '/elsewhere' }).end(),
  )
  assert.equal((await ask(clientOf(t), backend.url)).status, 302)
  assert.equal(backend.received.length, 1)
})

test('an answer that is too large is none, stated or not', async (t) => {
  const chunk = Buffer.alloc(64 * 1024)
  const stated = await startBackend(t, (_request, response) =>
    response.writeHead(200, { 'content-length': 2 ** 21 }).end(Buffer.alloc(2 ** 21)),
  )
  const endless = await startBackend(t, (_request, response) => {
    const more = (): void => {
      while (!response.destroyed && response.write(chunk));
    }
    response.on('drain', more).on('error', () => {})
    more()
  })
  const client = clientOf(t)
  await assert.rejects(ask(client, stated.url), { code: 'UND_ERR_RES_EXCEEDED_MAX_SIZE' })
  await assert.rejects(ask(client, endless.url), { code: 'UND_ERR_RES_EXCEEDED_MAX_SIZE' })
})

test('the time is for all of it: silence, a header that drips, and a body that never ends', async (t) => {
  const silent = await startRawBackend(t, () => {})
  const dripping = await startRawBackend(t, (socket) => {
    const drip = setInterval(() => socket.write('x'), 20)
    socket.write('HTTP/1.1 200 OK\r\nx-slow: ')
    socket.on('close', () => clearInterval(drip))
  })
  const unfinished = await startRawBackend(t, (socket) =>
    socket.write('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab'),
  )
  const client = clientOf(t, 100)
  await Promise.all([silent, dripping, unfinished].map(({ url }) => assert.rejects(ask(client, url))))
})

test('who is not there, or does not speak HTTP, is an error', async (t) => {
  const nonsense = await startRawBackend(t, (socket) => socket.end('220 mail.example.com ESMTP\r\n'))
  const client = clientOf(t)
  await assert.rejects(ask(client, `http://127.0.0.1:${await closedPort()}`), { code: 'ECONNREFUSED' })
  await assert.rejects(ask(client, nonsense.url))
})

test('a connection that was closed while it idled is made again', async (t) => {
  let resets = 0
  const backend = await startRawBackend(t, (socket) => {
    const isFirst = backend.connections() === 1
    let asked = 0
    socket.on('data', () => {
      // the second request on the first connection finds it gone
      if (!isFirst || ++asked === 1) socket.write('HTTP/1.1 204 No Content\r\n\r\n')
      else {
        resets++
        socket.resetAndDestroy()
      }
    })
  })
  const client = clientOf(t)
  for (let i = 0; i < 6; i++) assert.equal((await ask(client, backend.url)).status, 204)
  assert.equal(resets, 1)
})

test('one that breaks again and again is an error', async (t) => {
  const backend = await startRawBackend(t, (socket) => socket.on('data', () => socket.resetAndDestroy()))
  await assert.rejects(ask(clientOf(t), backend.url), { code: 'ECONNRESET' })
  assert.equal(backend.connections(), 2)
})

test('only so many may wait', async (t) => {
  const silent = await startRawBackend(t, () => {})
  const client = new IdentityClient(60_000)
  const waiting = Array.from({ length: 1000 }, () => ask(client, silent.url).catch((error: unknown) => error))
  await assert.rejects(ask(client, silent.url), /1000 requests are waiting/)
  await client.close()
  assert.ok(
    (await Promise.all(waiting)).every((error) => error instanceof Error),
    'closing ends what waits',
  )
})

test('an address that is none stops the boot, and is not quoted', () => {
  assert.equal(identityUrl('https://id.example.com/a?b=c', 'x').href, 'https://id.example.com/a?b=c')
  for (const text of [
    '',
    'id.example.com',
    'ftp://id.example.com',
    'http://',
    'https://me:secret@id.example.com',
    'https://id.example.com/#a',
  ]) {
    assert.throws(
      () => identityUrl(text, 'introspection.url'),
      (error: Error) =>
        error.name === 'BootProblems' &&
        /^configuration: introspection\.url: /.test(error.message) &&
        !error.message.includes('secret'),
      text,
    )
  }
})
