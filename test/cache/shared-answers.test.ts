import assert from 'node:assert/strict'
import { type IncomingMessage, request, type ServerResponse } from 'node:http'
import { test, type TestContext } from 'node:test'
import type { Answer } from '../support/http-client.ts'
import { type CachedGateway, startCached, until } from './cached-gateway.ts'

/** A gateway whose upstream answers when it is told to, in whatever order. */
async function startHeld(t: TestContext): Promise<
  CachedGateway & {
    held: ServerResponse[]
    sent: IncomingMessage[]
    join: (headers?: Record<string, string>) => Promise<{ answer: Promise<Answer> }>
  }
> {
  const held: ServerResponse[] = []
  const sent: IncomingMessage[] = []
  const gateway = await startCached(t, (incoming, response) => {
    if (incoming.url === '/other') return response.writeHead(204).end()
    sent.push(incoming)
    held.push(response)
  })
  return {
    ...gateway,
    held,
    sent,
    // a client has come once something that was sent after it is answered
    async join(headers = {}) {
      const answer = gateway.ask('/x', { headers })
      await gateway.ask('/other', { method: 'POST' })
      return { answer }
    },
  }
}

test('what may not be used without asking is not shared, and makes nobody wait again', async (t) => {
  for (const [said, isStored] of [
    [{ 'cache-control': 'no-cache', etag: '"1"' }, true],
    [{ 'cache-control': 'max-age=0', etag: '"1"' }, true],
    [{ 'cache-control': 'max-age=10', age: '10', etag: '"1"' }, true],
    // nothing can be done with these
    [{}, false],
    [{ 'cache-control': 'no-cache' }, false],
    [{ 'cache-control': 'no-cache, stale-if-error=60' }, false],
    [{ 'cache-control': 's-maxage=0, stale-while-revalidate=60' }, false],
  ] as const) {
    const { held, join, asked } = await startHeld(t)
    const first = await join()
    const second = await join()
    assert.equal(held.length, 1)
    held[0]!.writeHead(200, said).write('token ')
    await until(() => held.length === 2, 'a request of its own')
    // not made to wait for one another, since no answer is for several
    const third = await join()
    await until(() => held.length === 3, 'another')
    const fourth = await join()
    await until(() => held.length === 4, 'a last one')
    for (const [i, response] of held.entries()) {
      if (i > 0) response.writeHead(200, said).write('token ')
      response.end(String(i))
    }
    const all = await Promise.all([first, second, third, fourth].map(({ answer }) => answer))
    const context = JSON.stringify(said)
    assert.deepEqual(
      all.map(({ body }) => body),
      ['token 0', 'token 1', 'token 2', 'token 3'],
      context,
    )
    for (const { headers } of all) {
      assert.equal(
        headers['cache-status'],
        `Gatehouse; fwd=uri-miss; fwd-status=200${isStored ? '; stored' : ''}`,
        context,
      )
    }
    assert.equal(asked(), 4 + 4)
  }
})

test('validations are shared though misses are not', async (t) => {
  const { held, sent, join } = await startHeld(t)
  const first = await join()
  held[0]!.writeHead(200, { 'cache-control': 'no-cache', etag: '"1"' }).end('content')
  await first.answer
  const valid = [await join(), await join(), await join()]
  assert.deepEqual([held.length, sent[1]!.headers['if-none-match']], [2, '"1"'])
  held[1]!.writeHead(304, { 'cache-control': 'no-cache', etag: '"1"' }).end()
  for (const { answer } of valid) assert.equal((await answer).body, 'content')
  // new content is the answer to all who have asked whether the old one holds
  const changed = [await join(), await join()]
  assert.equal(held.length, 3)
  held[2]!.writeHead(200, { 'cache-control': 'no-cache', etag: '"2"' }).end('news')
  for (const { answer } of changed) assert.equal((await answer).body, 'news')
  assert.equal(held.length, 3)
})

test('those who wait for a validation that is answered for one alone ask all at once', async (t) => {
  const { held, join } = await startHeld(t)
  const first = await join()
  held[0]!.writeHead(200, { 'cache-control': 'max-age=0', etag: '"1"' }).end('content')
  await first.answer
  const all = [await join(), await join(), await join()]
  assert.equal(held.length, 2)
  held[1]!.writeHead(200, { 'cache-control': 'private' }).end('for 1')
  await until(() => held.length === 4, 'the others, none of whom waits for the other')
  held[2]!.writeHead(200, { 'cache-control': 'private' }).end('for 2')
  held[3]!.writeHead(200, { 'cache-control': 'private' }).end('for 3')
  assert.deepEqual((await Promise.all(all.map(({ answer }) => answer))).map(({ body }) => body).sort(), [
    'for 1',
    'for 2',
    'for 3',
  ])
})

test('who waits gets what the cache could give that request, by what it asks for itself', async (t) => {
  for (const [said, asks, isShared] of [
    ['max-age=60', {}, true],
    ['max-age=60', { 'cache-control': 'no-cache' }, false],
    ['max-age=60', { pragma: 'no-cache' }, false],
    ['max-age=60', { 'cache-control': 'min-fresh=90' }, false],
    ['max-age=60', { 'cache-control': 'min-fresh=30' }, true],
    ['max-age=0', { 'cache-control': 'max-stale=30' }, true],
    ['max-age=0, must-revalidate', { 'cache-control': 'max-stale=30' }, false],
    ['max-age=0, stale-while-revalidate=30', {}, true],
    ['no-cache, stale-while-revalidate=30', {}, false],
  ] as const) {
    const { held, join } = await startHeld(t)
    const own = await join()
    const waiting = await join(asks)
    assert.equal(held.length, 1)
    held[0]!.writeHead(200, { 'cache-control': said, etag: '"1"' }).write('one')
    const context = `${said}, ${JSON.stringify(asks)}`
    if (!isShared) {
      await until(() => held.length === 2, context)
      held[1]!.writeHead(200, { 'cache-control': said, etag: '"2"' }).end('two')
    }
    held[0]!.end()
    assert.deepEqual(
      [(await own.answer).body, (await waiting.answer).body, held.length],
      ['one', isShared ? 'one' : 'two', isShared ? 1 : 2],
      context,
    )
  }
})

test('a response that becomes stale while its body is on the way makes room for the next', async (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: Date.parse('2026-01-01T00:00:00Z') })
  const { held, join } = await startHeld(t)
  const first = await join()
  held[0]!.writeHead(200, { 'cache-control': 'max-age=5' }).write('old')
  const early = await join()
  t.mock.timers.setTime(Date.now() + 6000)
  const late = [await join(), await join()]
  assert.equal(held.length, 2)
  held[0]!.end()
  held[1]!.writeHead(200, { 'cache-control': 'max-age=5' }).end('new')
  assert.deepEqual(
    (await Promise.all([first, early, ...late].map(({ answer }) => answer))).map(({ body }) => body),
    ['old', 'old', 'new', 'new'],
  )
  assert.equal(held.length, 2)
})

test('when those who wait have turned to the upstream themselves, what nobody reads any more ends', async (t) => {
  const { url, held, join } = await startHeld(t)
  const leader = request(`${url}/x`).end()
  leader.on('error', () => {})
  await until(() => held.length === 1, 'a request')
  const other = await join({ 'cache-control': 'no-cache' })
  leader.destroy()
  await join({ 'cache-control': 'no-cache' })
  let isClosed = false
  held[0]!
    .once('close', () => {
      isClosed = true
    })
    .writeHead(200, { 'cache-control': 'max-age=60' })
    .write('one')
  await until(() => held.length === 3, 'their own requests')
  await until(() => isClosed, 'the end of the first')
  for (const response of held.slice(1)) response.writeHead(200, { 'cache-control': 'max-age=60' }).end('own')
  assert.equal((await other.answer).body, 'own')
})
