import assert from 'node:assert/strict'
import { test } from 'node:test'
import { signToken } from '../../src/auth/jwt/dev-token.ts'
import { startBackend } from '../support/backend.ts'
import { JWT_SECRET, startGateway } from '../support/gateway.ts'
import { rawRequest } from '../support/raw-client.ts'

const bodies = ['', 'content-length: 0\r\n', 'transfer-encoding: chunked\r\n']
const end = (framing: string): string => (framing.startsWith('transfer') ? '0\r\n\r\n' : '')

/** What a client with the scope `user` may not reach, it must not write to by a Destination either. */
test('COPY and MOVE lead nowhere that the client could not write to', async (t) => {
  const [dav, other] = [await startBackend(t), await startBackend(t)]
  const user = { jwt: { scopes: ['user'] } }
  const admin = { jwt: { scopes: ['admin'] } }
  const methods = ['COPY', 'MOVE', 'GET', 'PUT']
  const { app, port } = await startGateway(
    t,
    {
      'dav.json': {
        name: 'dav',
        prefix: '/dav',
        targets: [dav.url],
        auth: user,
        passThrough: true,
        routes: [
          { method: methods, url: '/admin/*', auth: admin },
          { method: ['PUT'], url: '/written/*', auth: admin },
          { method: methods, url: '/declared/:name' },
          { method: ['MOVE', 'COPY'], url: '/moved/*', redirect: { to: '/dav/declared/x' } },
        ],
      },
      'other.json': { name: 'other', prefix: '/other', targets: [other.url], auth: 'none', passThrough: true },
      'hosted.json': { name: 'hosted', hosts: ['hosted.test'], targets: [other.url], auth: 'none', passThrough: true },
    },
    { jwt: { secret: JWT_SECRET } },
  )
  const token = signToken(app.config.jwt!, { sub: 'me', scopes: ['user'] })
  const ask = async (method: string, path: string, destination: string, framing = ''): Promise<number> =>
    (
      await rawRequest(
        port,
        `${method} ${path} HTTP/1.1\r\nhost: dav.test\r\nauthorization: Bearer ${token}\r\ndestination: ${destination}\r\n${framing}\r\n${end(framing)}`,
      )
    ).status

  const elsewhere = [
    // another server
    'http://evil.test/dav/x',
    'http://dav.test.evil.test/dav/x',
    'http://dav.test@evil.test/dav/x',
    'http://user@dav.test/dav/x',
    'http://dav.test:81/dav/x',
    'https://dav.test:80/dav/x',
    `http://127.0.0.1:${dav.port}/dav/x`,
    'http://hosted.test/x',
    'http:///dav/x',
    'http://dav.test\\@evil.test/dav/x',
    // another upstream, the gateway's own, or nothing at all
    '/other/x',
    'http://dav.test/other/x',
    '/docs',
    '/',
    '/x',
    '/livez',
    '/davx/y',
    // a place that asks for other credentials
    '/dav/admin/x',
    'http://dav.test/dav/admin/x',
    '/dav/%61dmin/x',
    '/dav//admin/x',
    '/dav/Admin/x',
    '/dav/ADMIN/x',
    '/dav/written/x',
    '/dav/Written/x',
    // where a redirect answers
    '/dav/moved/x',
  ]
  const unclear = [
    '/dav/x/../admin/y',
    '/dav/./admin/y',
    '/dav/%2e%2e/other/x',
    '/dav/x%2f..%2fadmin',
    '/dav/x%5c..%5cadmin',
    '/dav/..;/admin',
    '/dav/admin;x=1/y',
    '/dav/a\\b',
    '/dav/%zz',
    '/dav/%00',
    '/dav/%0d%0ax: y',
    '/dav/x#y',
    '/dav/x y',
    '//dav.test/dav/x',
    '//evil.test/dav/x',
    'dav/x',
    'x',
    '',
    '*',
    'ftp://dav.test/dav/x',
    'file:///etc/passwd',
    'http:/dav/x',
    'http:dav/x',
    'javascript:x',
    '\t/dav/../x',
    'http://dav.test/dav/x, http://dav.test/dav/admin/x',
    '/dav/x\r\ndestination: /dav/admin/x',
    '/dav%2fadmin%2fx/..',
    '<http://dav.test/dav/x>',
    '"/dav/x"',
  ]
  const hidden = [
    '/dav/%2561dmin/x',
    '/dav%2Fadmin%2Fx',
    '/dav/%2Fadmin/x',
    '/dav/admin%2Fx',
    '/dav/admin%5Cx',
    '/dav/admin%252Fx',
    '/dav/x%3B/../admin',
  ]
  for (const method of ['COPY', 'MOVE']) {
    for (const source of ['/dav/x', '/dav/declared/x']) {
      for (const framing of bodies) {
        assert.equal(await ask(method, source, '/dav/free/y', framing), 200, `${method} ${source} ${framing}`)
      }
      assert.equal(dav.received.splice(0).length, bodies.length)
      for (const destination of elsewhere) {
        assert.equal(await ask(method, source, destination), 502, `${method} ${source} ${destination}`)
      }
      for (const destination of unclear) {
        assert.equal(await ask(method, source, destination), 400, `${method} ${source} ${destination}`)
      }
      for (const destination of hidden) {
        assert.ok([400, 502].includes(await ask(method, source, destination)), destination)
      }
      for (const framing of bodies) assert.equal(await ask(method, source, '/dav/admin/x', framing), 502, framing)
    }
    // what it may not do, it may not do with a destination that it may write to
    assert.equal(await ask(method, '/dav/admin/x', '/dav/x'), 403)
    assert.equal(await ask(method, '/dav/x', 'http://dav.test/dav/admin/x', 'x-http-method-override: PUT\r\n'), 502)
    assert.equal(await ask(method, '/dav/x', '/dav/y', 'x_destination: /dav/admin/x\r\n'), 200)
    dav.received.splice(0)
  }
  assert.deepEqual([dav.received.length, other.received.length], [0, 0])
})

test('a service that decides about requests is told where a COPY or MOVE goes', async (t) => {
  const dav = await startBackend(t)
  const judge = await startBackend(t, (request, response) => {
    request.resume()
    response.writeHead(String(request.headers.destination ?? '').includes('/admin/') ? 403 : 204).end()
  })
  const { port } = await startGateway(
    t,
    {
      'dav.json': { name: 'dav', targets: [dav.url], auth: { forwardAuth: {} }, passThrough: true },
    },
    { forwardAuth: { url: `${judge.url}/judge` } },
  )
  const ask = async (method: string, destination: string): Promise<number> =>
    (await rawRequest(port, `${method} /x HTTP/1.1\r\nhost: dav.test\r\ndestination: ${destination}\r\n\r\n`)).status
  assert.equal(await ask('MOVE', '/y'), 200)
  assert.equal(await ask('MOVE', 'http://dav.test/admin/y'), 403)
  assert.equal(await ask('PROPFIND', 'http://dav.test/admin/y'), 200, 'where it means nothing it is not sent')
})
