import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startBackend } from '../support/backend.ts'
import { startGateway } from '../support/gateway.ts'

/** A backend that answers with the Location that a request asks for; `{self}` is its own address. */
async function redirecting(t: Parameters<typeof startBackend>[0]) {
  const backend = await startBackend(t, (request, response) => {
    request.resume()
    const to = decodeURIComponent(new URL(request.url!, 'http://x').searchParams.get('to')!)
    response
      .writeHead(201, {
        location: to.replace('{self}', backend.url),
        'content-location': to.replace('{self}', backend.url),
      })
      .end()
  })
  return backend
}

async function locationOf(base: string, path: string, to: string): Promise<string | null> {
  const response = await fetch(`${base}${path}?to=${encodeURIComponent(to)}`, { redirect: 'manual' })
  assert.equal(response.headers.get('location'), response.headers.get('content-location'))
  return response.headers.get('location')
}

test('the address of a target never reaches the client', async (t) => {
  const backend = await redirecting(t)
  const { url } = await startGateway(t, {
    'a.json': { name: 'a', prefix: '/a', auth: 'none', targets: [backend.url], routes: [{ method: 'GET', url: '/*' }] },
  })
  assert.equal(await locationOf(url, '/a/', '{self}/a/5?x=1#f'), '/a/5?x=1#f')
  assert.equal(await locationOf(url, '/a/', '{self}'), '/')
  assert.equal(await locationOf(url, '/a/', `//127.0.0.1:${backend.port}/a/6`), '/a/6')
  assert.equal(await locationOf(url, '/a/', '/a/7'), '/a/7')
  assert.equal(await locationOf(url, '/a/', 'https://elsewhere.example/x'), 'https://elsewhere.example/x')
  assert.equal(await locationOf(url, '/a/', '7'), '7')
})

test('a stripped prefix comes back', async (t) => {
  const backend = await redirecting(t)
  const { url } = await startGateway(t, {
    'a.json': {
      name: 'a',
      prefix: '/a',
      stripPrefix: true,
      auth: 'none',
      targets: [`${backend.url}/base`],
      routes: [
        { method: 'GET', url: '/*' },
        { method: 'GET', url: '/' },
      ],
    },
  })
  assert.equal(await locationOf(url, '/a/x', '{self}/base/5'), '/a/5')
  assert.equal(await locationOf(url, '/a/x', '/5'), '/a/5')
  assert.equal(await locationOf(url, '/a/x', '/a/5'), '/a/5')
  assert.equal(await locationOf(url, '/a/x', '/ab'), '/a/ab')
  assert.equal(backend.received[0]!.url.split('?')[0], '/base/x')
  assert.equal(backend.received[0]!.headers['x-forwarded-prefix'], '/a')
  await locationOf(url, '/a', '/x')
  assert.equal(backend.received.at(-1)!.url.split('?')[0], '/base/')
})
