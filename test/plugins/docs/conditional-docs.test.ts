import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { startGateway } from '../../support/gateway.ts'
import { rawRequest } from '../../support/raw-client.ts'

const files = {
  'a.json': {
    name: 'a',
    prefix: '/a',
    auth: 'none',
    targets: ['http://127.0.0.1:1'],
    routes: Array.from({ length: 40 }, (_, i) => ({ method: 'GET', url: `/r${i}`, schema: { summary: `Route ${i}` } })),
  },
}
const DOCUMENTS = ['/docs/json', '/docs/yaml', '/docs/upstreams/a.json', '/docs/upstreams/a.yaml']
const PAGES = [
  '/docs',
  '/docs/',
  '/docs/static/documents.json',
  '/docs/static/swagger-initializer.js',
  '/docs/static/swagger-ui.css',
  '/docs/static/logo.svg',
  '/docs/static/theme/gatehouse.css',
]

test('documents and pages have a validator, and answer 304 to who has them', async (t) => {
  const { url } = await startGateway(t, files)
  const tags = new Map<string, string>()
  for (const path of [...DOCUMENTS, ...PAGES]) {
    for (const coding of ['identity', 'gzip', 'br']) {
      const first = await fetch(url + path, { headers: { 'accept-encoding': coding } })
      await first.text()
      const etag = first.headers.get('etag')!
      assert.match(etag, /^W\/"[^"]+"$/, path)
      assert.equal(tags.get(path) ?? etag, etag, 'one tag for all codings')
      tags.set(path, etag)
      assert.equal(first.headers.get('vary'), 'accept-encoding', path)
      for (const method of ['GET', 'HEAD']) {
        for (const known of [etag, etag.slice(2), `"x", ${etag}`, '*']) {
          const again = await fetch(url + path, {
            method,
            headers: { 'accept-encoding': coding, 'if-none-match': known },
          })
          assert.equal(again.status, 304, `${method} ${path} ${known}`)
          assert.equal(await again.text(), '')
          assert.equal(again.headers.get('content-encoding'), null)
        }
        const other = await fetch(url + path, { method, headers: { 'if-none-match': '"other"' } })
        await other.text()
        assert.equal(other.status, 200, path)
      }
    }
  }
  assert.equal(new Set(DOCUMENTS.map((path) => tags.get(path))).size, DOCUMENTS.length)
})

test('the tag of a document changes with the document', async (t) => {
  const tagOf = async (summary: string): Promise<string> => {
    const { url } = await startGateway(t, {
      'a.json': {
        name: 'a',
        prefix: '/a',
        auth: 'none',
        targets: ['http://127.0.0.1:1'],
        routes: [{ method: 'GET', url: '/x', schema: { summary } }],
      },
    })
    const response = await fetch(`${url}/docs/json`, { method: 'HEAD' })
    return response.headers.get('etag')!
  }
  const tag = await tagOf('one')
  assert.equal(await tagOf('one'), tag)
  assert.notEqual(await tagOf('two'), tag)
})

test('documents are compressed for clients that take it', async (t) => {
  const { port, url } = await startGateway(t, files)
  for (const path of DOCUMENTS) {
    const { status, headers, text } = await rawRequest(
      port,
      `GET ${path} HTTP/1.0\r\nhost: x\r\naccept-encoding: gzip\r\n\r\n`,
    )
    assert.equal(status, 200)
    assert.equal(headers['content-encoding'], 'gzip', path)
    const plain = await (await fetch(url + path, { headers: { 'accept-encoding': 'identity' } })).text()
    assert.equal(gunzipSync(Buffer.from(text.slice(text.indexOf('\r\n\r\n') + 4), 'latin1')).toString(), plain)
  }
})

test('HEAD on documents and pages is answered like GET, without the body', async (t) => {
  const { port } = await startGateway(t, files)
  for (const path of [...DOCUMENTS, ...PAGES]) {
    const get = await rawRequest(port, `GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`)
    const head = await rawRequest(port, `HEAD ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`)
    assert.deepEqual([head.status, head.body], [200, ''], path)
    for (const name of ['content-type', 'etag', 'content-length', 'cache-control']) {
      assert.equal(head.headers[name], get.headers[name], `${path} ${name}`)
    }
  }
})
