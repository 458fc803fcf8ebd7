import assert from 'node:assert/strict'
import { createServer as createSecondServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { test } from 'node:test'
import { get, startRecorder, UPGRADE } from '../security/wire.ts'
import { startBackend } from '../support/backend.ts'
import { JWT_SECRET, startGateway } from '../support/gateway.ts'
import { rawRequest } from '../support/raw-client.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const HOST = 's3.test'
const asIs = (targets: unknown[], more: object = {}) => ({
  name: 'files',
  hosts: [HOST],
  auth: 'none',
  targets,
  passThrough: true,
  paths: 'as-is',
  ...more,
})

/** Targets that the canonical reading merges, decodes or refuses. */
const SPELLINGS = [
  '/',
  '//',
  '///x',
  '/a//b',
  '/a/',
  '/a//',
  '/./',
  '/.',
  '/..',
  '/../x',
  '/a/../b',
  '/a/./b',
  '/a/..',
  '/%2e%2e/x',
  '/a/%2E/b',
  '/..%2fx',
  '/%2f%2f',
  '/http://other.test/x',
  '/https://other.test//x?y=z',
  '//other.test/x',
  '//127.0.0.1:1/x',
  '/page;jsessionid=ABC',
  '/a;b;c/d;e=f',
  '/;',
  '/a%3Bb',
  '/x%0ay',
  '/x%0d%0aset-cookie:a=b',
  '/%00',
  '/%zz',
  '/%',
  '/%4',
  '/%e',
  '/a%',
  '/%61%62',
  '/%41',
  '/~%7e',
  '/%c3%a9',
  '/%ff',
  '/%5c',
  '/a+b',
  '/a b'.replace(' ', '%20'),
  '/a?',
  '/?',
  '/?a',
  '/a?b?c',
  '/a??',
  '/a?b=c%0a',
  '/a?b=%zz',
  '/a?//x/../y',
  '/a?\\',
  '/<script>',
  '/\'"{}|^`',
  '/*',
  '/:x',
  '/a:b',
  '/a/*/b',
  '/.host-0/x',
  '/.host-as-is-0/x',
  '/.refused',
  '/.preflight/x',
  '/livez',
  '/readyz',
  '/docs',
  '/docs/json',
  '/metrics',
  '/status',
  `/${'x'.repeat(9000)}`,
  `/a${'/..'.repeat(2000)}`,
  `/?${'a=%zz&'.repeat(1000)}`,
]

test('a path is forwarded byte for byte, in every method and as an upgrade', async (t) => {
  const backend = await startRecorder(t)
  const { port } = await startGateway(t, { 'files.json': asIs([backend.url]) })
  for (const target of SPELLINGS) {
    assert.equal((await rawRequest(port, get(target, '', '1.1', HOST))).status, 200, target)
    assert.equal(
      (await rawRequest(port, `PUT ${target} HTTP/1.1\r\nhost: ${HOST}\r\ncontent-length: 1\r\n\r\nx`)).status,
      200,
      target,
    )
    assert.equal((await rawRequest(port, `PROPFIND ${target} HTTP/1.1\r\nhost: ${HOST}\r\n\r\n`)).status, 200, target)
    assert.equal((await rawRequest(port, get(target, UPGRADE, '1.1', HOST))).status, 101, target)
    assert.deepEqual(backend.targets().splice(0), [
      `GET ${target}`,
      `PUT ${target}`,
      `PROPFIND ${target}`,
      `UPGRADE ${target}`,
    ])
  }
})

test('goes so over HTTP/2, a unix socket, retries, hedging, a mirror and a cache', async (t) => {
  const seen: string[] = []
  const second = createSecondServer((request, response) => {
    seen.push(request.url)
    response.end()
  })
  second.listen(0, '127.0.0.1')
  t.after(() => second.close())
  const socket = join(temporaryFolder(t), 'files.sock')
  const local = createServer((request, response) => {
    seen.push(request.url!)
    response.end()
  })
  await new Promise<void>((resolve) => local.listen(socket, resolve))
  t.after(() => local.close())
  const failing = await startBackend(t, (request, response) => {
    seen.push(request.url!)
    response.writeHead(503).end()
  })
  const good = await startBackend(t, (request, response) => {
    seen.push(request.url!)
    response.end()
  })
  const shadow = await startBackend(t)
  const upstream = (name: string, targets: unknown[], more: object = {}) => ({
    [`${name}.json`]: asIs(targets, { name, hosts: [`${name}.test`], ...more }),
  })
  const { port } = await startGateway(t, {
    ...upstream('second', [
      { url: `http://127.0.0.1:${(second.address() as AddressInfo).port}`, http2: 'prior-knowledge' },
    ]),
    ...upstream('local', [`unix:${socket}`]),
    ...upstream('retried', [failing.url, good.url], {
      retries: { on: [503], attempts: 2, budget: { percent: 100, minimum: 100 } },
    }),
    ...upstream('mirrored', [good.url], { mirror: { targets: [shadow.url] } }),
    ...upstream('cached', [good.url], { cache: true }),
    ...upstream('compressed', [good.url], { compress: true, clientCache: { privacy: 'private', maxAge: '1s' } }),
  })
  for (const target of SPELLINGS) {
    for (const name of ['second', 'local', 'retried', 'mirrored', 'cached', 'compressed']) {
      const { status } = await rawRequest(port, get(target, '', '1.1', `${name}.test`))
      assert.equal(status, 200, `${name} ${target}`)
      const [first, ...others] = seen.splice(0)
      assert.equal(first, target, name)
      for (const other of others) assert.equal(other, target, name)
    }
  }
  const mirrored = new Set(shadow.received.map(({ url }) => url))
  for (const { url } of shadow.received) assert.ok(SPELLINGS.includes(url), url)
  assert.ok(mirrored.size > 1)
})

test('a key in the query is taken away, and nothing else changes', async (t) => {
  const backend = await startRecorder(t)
  const { port } = await startGateway(
    t,
    { 'files.json': asIs([backend.url], { auth: { jwt: {} } }) },
    { jwt: { secret: JWT_SECRET, token: { query: 'token' } } },
  )
  assert.equal((await rawRequest(port, get('//a/../b?x=%zz&token=bad', '', '1.1', HOST))).status, 401)
  const { signToken } = await import('../../src/auth/jwt/dev-token.ts')
  const token = signToken({ secret: JWT_SECRET } as never, { sub: 'ada', scopes: [], expiresIn: '1h' })
  assert.equal((await rawRequest(port, get(`//a/../b;c?x=%zz&token=${token}&y`, '', '1.1', HOST))).status, 200)
  assert.equal((await rawRequest(port, get(`//a/../b;c?token=${token}`, '', '1.1', HOST))).status, 200)
  assert.equal((await rawRequest(port, get('//a', `authorization: Bearer ${token}\r\n`, '1.1', HOST))).status, 200)
  assert.deepEqual(backend.targets(), ['GET //a/../b;c?x=%zz&y', 'GET //a/../b;c', 'GET //a'])
})

test('the target of a redirect keeps its host, however many slashes it begins with', async (t) => {
  const backend = await startBackend(t, (request, response) => {
    response.writeHead(301, { location: `${backend.url}${request.url}/`, 'content-location': `${backend.url}/x` }).end()
  })
  const { port } = await startGateway(t, { 'files.json': asIs([backend.url]) })
  for (const target of [
    '/a//b',
    '/a/../b',
    '//evil.test/x',
    '/\\evil.test'.replace('\\', '%5c'),
    '///evil.test',
    '//evil.test%2f..',
  ]) {
    const { headers } = await rawRequest(port, get(target, '', '1.1', HOST))
    const location = new URL(headers.location!, `http://${HOST}/`)
    assert.equal(location.host, HOST, `${target}: ${headers.location}`)
    if (!target.includes('..')) assert.equal(location.pathname, `${target.replace(/^\/+/, '/')}/`)
  }
})
