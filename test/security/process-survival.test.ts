import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startBackend } from '../support/backend.ts'
import { startGateway } from '../support/gateway.ts'
import { rawRequest } from '../support/raw-client.ts'
import { isAlive } from './wire.ts'

/** A route whose QUERY responses are cached, so that its body is collected before the cache is asked. */
const query = (target: string): object => ({
  name: 'a',
  prefix: '/a',
  auth: 'none',
  targets: [target],
  cache: { methods: ['GET', 'QUERY'] },
  routes: [
    { method: 'QUERY', url: '/search' },
    { method: 'QUERY', url: '/versioned', match: { headers: { 'x-v': '1' } } },
  ],
})

const ask = (path: string, more: string): string =>
  `QUERY ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: text/plain\r\ncontent-length: 3\r\n${more}\r\nabc`

test('a QUERY that may only come from the cache is 504 and ends nothing', async (t) => {
  const { url } = await startBackend(t)
  const { port } = await startGateway(t, { 'a.json': query(url) })
  for (const control of [
    'only-if-cached',
    'ONLY-IF-CACHED',
    'max-stale, only-if-cached',
    'only-if-cached\r\ncache-control: max-age=1',
  ]) {
    const { status, body } = await rawRequest(port, ask('/a/search', `cache-control: ${control}\r\n`))
    assert.deepEqual([status, JSON.parse(body).code], [504, 'GW_NOT_CACHED'], control)
  }
  assert.ok(await isAlive(port))
})

test('a QUERY that has its match header removed by Connection is refused and ends nothing', async (t) => {
  const { url } = await startBackend(t)
  const { port } = await startGateway(t, { 'a.json': query(url) })
  for (const fields of [
    'connection: x-v\r\n',
    'connection: close, X-V\r\n',
    'connection: close\r\nconnection: x-v\r\n',
  ]) {
    const { status } = await rawRequest(port, ask('/a/versioned', `x-v: 1\r\n${fields}`))
    assert.equal(status, 400, fields)
  }
  assert.ok(await isAlive(port))
})
