import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startCached } from '../cache/cached-gateway.ts'

/** A backend that puts whatever it believes into a page that may be stored. */
const gullible = (request: { method?: string, url?: string, headers: Record<string, unknown> }, response: { writeHead (status: number, headers: object): { end (body: string): void } }): void => {
  const names = ['x-forwarded-host', 'x-forwarded-proto', 'x-forwarded-port', 'x-forwarded-scheme', 'x-forwarded-prefix', 'x-forwarded-server', 'x-host', 'x-original-host', 'x-original-url', 'x-rewrite-url', 'x-http-method-override', 'x-method-override', 'forwarded']
  const { 'x-forwarded-host': host } = request.headers
  response.writeHead(200, { 'cache-control': 'public, max-age=60', 'content-type': 'text/plain' })
    .end(JSON.stringify([request.url, host, Object.fromEntries(names.map((name) => [name, request.headers[name]]))]))
}

const POISON = 'evil.test'

test('no header of a stranger that is not part of the key changes what others get', async (t) => {
  const { ask, url } = await startCached(t, gullible as never)
  const { host } = new URL(url)
  for (const name of ['x-forwarded-host', 'x-forwarded-proto', 'x-forwarded-port', 'x-forwarded-scheme', 'x-forwarded-prefix', 'x-forwarded-server', 'x-forwarded-ssl', 'x-host', 'x-original-host', 'x-original-url', 'x-rewrite-url', 'x-http-method', 'x-http-method-override', 'x-method-override', 'forwarded', 'x_forwarded_host']) {
    const poisoned = await ask(`/${name}`, { headers: { [name]: POISON } })
    const clean = await ask(`/${name}`)
    assert.match(clean.headers['cache-status'] as string, /hit/, name)
    assert.equal(clean.body, poisoned.body)
    assert.ok(!clean.body.includes(POISON), `${name}: ${clean.body}`)
    assert.equal(JSON.parse(clean.body)[1], host)
  }
})

test('each host has responses of its own', async (t) => {
  const { ask } = await startCached(t, gullible as never)
  await ask('/x', { headers: { host: POISON } })
  assert.ok(!(await ask('/x')).body.includes(POISON))
  assert.match((await ask('/x', { headers: { host: POISON.toUpperCase() } })).headers['cache-status'] as string, /hit/)
})

test('what a trusted proxy says of host and scheme is part of the key', async (t) => {
  const { ask, asked } = await startCached(t, gullible as never, true, {}, { trustProxy: ['127.0.0.1'] })
  await ask('/x', { headers: { 'x-forwarded-host': 'a.test' } })
  assert.equal(JSON.parse((await ask('/x', { headers: { 'x-forwarded-host': 'b.test' } })).body)[1], 'b.test')
  await ask('/x', { headers: { 'x-forwarded-host': 'b.test', 'x-forwarded-proto': 'https' } })
  assert.equal(asked(), 3)
})

test('content of a GET is neither stored nor answered from what is stored', async (t) => {
  const { ask, asked } = await startCached(t, gullible as never)
  const fat = { body: 'callback=evil', headers: { 'content-length': 13 } }
  await ask('/x', fat)
  await ask('/x')
  await ask('/x', fat)
  await ask('/x', { body: 'callback=evil', headers: { 'transfer-encoding': 'chunked' } })
  assert.equal(asked(), 4)
})

test('spellings of a path that differ for the upstream are not one key', async (t) => {
  const { ask, asked } = await startCached(t, gullible as never)
  const paths = ['/a%2Fb', '/a/b', '/a%252Fb', '/a?b', '/a%3Fb', '/A/b', '/a/b?x', '/a/b?x=']
  for (const path of paths) {
    const [got] = JSON.parse((await ask(path)).body)
    assert.equal(got, path)
  }
  assert.equal(asked(), paths.length)
})

test('a parameter that does not count never reaches the upstream, however it is written', async (t) => {
  const { ask } = await startCached(t, gullible as never, { key: { query: { allow: ['page'] } } })
  for (const query of ['?page=1&evil=1', '?evil=1&page=1', '?%65vil=1&page=1', '?page=1&evil', '?page=1&&evil=2']) {
    assert.match((await ask(`/x${query}`)).body, /^\["\/x\?page=1/, query)
    assert.ok(!(await ask(`/x${query}`)).body.includes('evil'))
  }
})
