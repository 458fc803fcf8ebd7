import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent, type ClientRequest, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { test } from 'node:test'
import { startCached, until } from './cached-gateway.ts'

const MAX_AGE = { 'cache-control': 'max-age=60', 'content-type': 'text/plain' }

/** Asks and hands out the response as soon as its head has come, with what has come of its body. */
async function begin(
  url: string,
  headers: Record<string, string> = {},
): Promise<{ sent: ClientRequest; response: IncomingMessage; text: () => string }> {
  const sent = request(url, { headers }).end()
  sent.on('error', () => {})
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  let text = ''
  response
    .setEncoding('utf8')
    .on('data', (chunk) => {
      text += chunk
    })
    .on('error', () => {})
  return { sent, response, text: () => text }
}

test('misses at the same time are one request to the upstream', async (t) => {
  const held: ServerResponse[] = []
  const { ask, asked, app } = await startCached(t, (_request, response) => {
    held.push(response)
  })
  const agent = new Agent({ keepAlive: true, maxSockets: 200 })
  t.after(() => agent.destroy())
  const answers = Array.from({ length: 200 }, () => ask('/x', { agent }))
  await until(() => held.length === 1 && [...app.responseCache.fetches.values()].length === 1, 'one request')
  // the others have come too, when one that came last is answered
  await ask('/livez', { agent: new Agent() })
  held[0]!.writeHead(200, { ...MAX_AGE, age: '40' }).end('one')
  const all = await Promise.all(answers)
  // clients that share the response get its age too, which grows while a slow machine answers them all
  assert.ok(all.every(({ headers }) => Number(headers.age) >= 40))
  assert.ok(all.every(({ body, status }) => body === 'one' && status === 200))
  assert.equal(asked(), 1)
  assert.ok(all.some(({ headers }) => /; collapsed$/.test(headers['cache-status'] as string)))
  assert.equal(app.responseCache.fetches.size, 0)
})

test('a body streams to all who wait, to those who come late too, and a client that leaves harms nobody', async (t) => {
  const held: ServerResponse[] = []
  const { url, asked, app } = await startCached(t, (_request, response) => {
    response.writeHead(200, MAX_AGE)
    response.write('first ')
    held.push(response)
  })
  const leader = await begin(`${url}/x`)
  const second = await begin(`${url}/x`)
  await until(() => leader.text() === 'first ' && second.text() === 'first ', 'first parts')
  leader.sent.destroy()
  const late = await begin(`${url}/x`)
  await until(() => late.text() === 'first ', 'the part that had come')
  held[0]!.end('second')
  await until(() => second.text() === 'first second' && late.text() === 'first second', 'all of it')
  assert.equal(asked(), 1)
  assert.equal(app.responseCache.fetches.size, 0)
  const hit = await begin(`${url}/x`)
  await until(() => hit.text() === 'first second', 'a hit')
  assert.equal(asked(), 1)
})

test('when nobody waits any more, the request to the upstream ends', async (t) => {
  const closed: Promise<unknown>[] = []
  const { url, app } = await startCached(t, (_request, response) => {
    closed.push(once(response, 'close'))
  })
  const waiting = Array.from({ length: 3 }, () => {
    const sent = request(`${url}/x`).end()
    sent.on('error', () => {})
    return sent
  })
  await until(() => closed.length === 1, 'a request')
  for (const sent of waiting) sent.destroy()
  await closed[0]
  await until(() => app.responseCache.fetches.size === 0, 'no request under way')
})

test('what cannot be stored goes to the one who has asked, and makes nobody wait again', async (t) => {
  const held: ServerResponse[] = []
  const { ask, asked } = await startCached(t, (_request, response, count) => {
    if (count === 1) held.push(response)
    else response.writeHead(200, { 'cache-control': 'private' }).end(`for ${count}`)
  })
  const answers = Array.from({ length: 5 }, () => ask('/x'))
  await until(() => held.length === 1, 'a request')
  await ask('/livez')
  held[0]!.writeHead(200, { 'cache-control': 'private' }).end('for 1')
  const bodies = (await Promise.all(answers)).map(({ body }) => body)
  assert.equal(new Set(bodies).size, 5, 'nobody gets what another has got')
  assert.equal(asked(), 5)
  // from now on all go at once
  held.length = 0
  await Promise.all(Array.from({ length: 5 }, () => ask('/x')))
  assert.equal(asked(), 10)
})

test('those who want another variant ask for it, once', async (t) => {
  const held: ServerResponse[] = []
  const { ask, asked } = await startCached(t, (incoming, response, count) => {
    const answer = (): void => {
      response.writeHead(200, { ...MAX_AGE, vary: 'x-lang' }).end(String(incoming.headers['x-lang']))
    }
    if (count > 1) answer()
    else {
      held.push(response)
      response.once('answer', answer)
    }
  })
  const answers = ['de', 'de', 'fr', 'fr', 'fr'].map((lang) => ask('/x', { headers: { 'x-lang': lang } }))
  await until(() => held.length === 1, 'a request')
  await ask('/livez')
  held[0]!.emit('answer')
  assert.deepEqual(
    (await Promise.all(answers)).map(({ body }) => body),
    ['de', 'de', 'fr', 'fr', 'fr'],
  )
  assert.equal(asked(), 2)
})

test('all who wait get the error of the one request', async (t) => {
  const held: ServerResponse[] = []
  const { ask, asked } = await startCached(t, (_request, response) => {
    held.push(response)
  })
  const answers = Array.from({ length: 4 }, () => ask('/x'))
  await until(() => held.length === 1, 'a request')
  await ask('/livez')
  held[0]!.destroy()
  const all = await Promise.all(answers)
  assert.deepEqual(
    all.map(({ status }) => status),
    [502, 502, 502, 502],
  )
  assert.equal(asked(), 1)
  assert.equal(JSON.parse(all[3]!.body).code, 'GW_UPSTREAM_BROKEN')
})

test('a slow client does not hold those who share its response', async (t) => {
  const body = 'x'.repeat(900_000)
  const { url, ask, asked } = await startCached(t, (_request, response) => {
    response.writeHead(200, MAX_AGE).end(body)
  })
  const slow = request(`${url}/x`).end()
  const [response] = (await once(slow, 'response')) as [IncomingMessage]
  response.pause()
  assert.equal((await ask('/x')).body.length, body.length)
  assert.equal(asked(), 1)
  slow.destroy()
})

test('two that share a part that is too large to be stored both get it', async (t) => {
  const body = 'x'.repeat(3_000_000)
  const held: ServerResponse[] = []
  const { ask, asked } = await startCached(t, (_request, response) => {
    held.push(response)
  })
  const answers = [ask('/x'), ask('/x')]
  await until(() => held.length === 1, 'a request')
  await ask('/livez')
  // without a length, so that nobody knows before
  held[0]!.writeHead(200, MAX_AGE)
  held[0]!.write(body.slice(0, 10))
  held[0]!.end(body.slice(10))
  for (const { body: got } of await Promise.all(answers)) assert.equal(got.length, body.length)
  assert.equal(asked(), 1)
  const again = ask('/x')
  await until(() => held.length === 2, 'it was not stored')
  held[1]!.writeHead(200, MAX_AGE).end('y')
  assert.equal((await again).body, 'y')
})

test('what was asked for before a change is not stored after it', async (t) => {
  const held: ServerResponse[] = []
  const { ask, asked } = await startCached(t, (incoming, response, count) => {
    if (incoming.method === 'POST') response.writeHead(204).end()
    else if (count === 1) held.push(response)
    else response.writeHead(200, MAX_AGE).end(`answer ${count}`)
  })
  const before = ask('/x')
  await until(() => held.length === 1, 'a request')
  assert.equal((await ask('/x', { method: 'POST' })).status, 204)
  // who asks after the change does not wait for what was asked before it
  assert.equal((await ask('/x')).body, 'answer 3')
  held[0]!.writeHead(200, MAX_AGE).end('from before')
  assert.equal((await before).body, 'from before')
  assert.equal((await ask('/x')).body, 'answer 3')
  assert.deepEqual([(await ask('/x')).body, asked()], ['answer 3', 3])
})

test('an answer that is on its way while an operator purges is not stored', async (t) => {
  const held: ServerResponse[] = []
  const { ask } = await startCached(
    t,
    (_request, response, count) => {
      if (count === 1) held.push(response)
      else response.writeHead(200, MAX_AGE).end(`answer ${count}`)
    },
    true,
    {},
    { cache: { purge: { auth: 'none' } } },
  )
  const before = ask('/x')
  await until(() => held.length === 1, 'a request')
  const body = JSON.stringify({ prefix: '/x' })
  assert.equal(
    (
      await ask('/cache/purge', {
        method: 'POST',
        body,
        headers: { 'content-type': 'application/json', 'content-length': body.length },
      })
    ).status,
    200,
  )
  held[0]!.writeHead(200, MAX_AGE).end('from before')
  await before
  assert.equal((await ask('/x')).body, 'answer 2')
})
