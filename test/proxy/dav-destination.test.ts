import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { startCached } from '../cache/cached-gateway.ts'
import { closedPort, startBackend } from '../support/backend.ts'
import { captureLog } from '../support/captured-log.ts'
import { eventually } from '../support/eventually.ts'
import { startGateway } from '../support/gateway.ts'
import { rawRequest, type RawResponse } from '../support/raw-client.ts'

/** A WebDAV request as it stands on the wire. */
const dav = (method: string, path: string, destination: string, more = '', host = 'dav.test'): string =>
  `${method} ${path} HTTP/1.1\r\nhost: ${host}\r\ndestination: ${destination}\r\n${more}\r\n`

async function startDav(t: TestContext, upstream: object = {}, { base = '', config = {} as object, files = {} } = {}) {
  const backend = await startBackend(t)
  const { app, port } = await startGateway(
    t,
    {
      'dav.json': { name: 'dav', auth: 'none', targets: [backend.url + base], passThrough: true, ...upstream },
      ...files,
    },
    config,
  )
  /** @returns what the service gets as Destination, or the status of a refusal */
  const sent = async (
    destination: string,
    more = '',
    path = '/a',
    host = 'dav.test',
  ): Promise<string | number | undefined> => {
    const { status } = await rawRequest(port, dav('MOVE', path, destination, more, host))
    return status === 200 ? (backend.received.at(-1)!.headers.destination as string | undefined) : status
  }
  return { app, backend, port, sent, target: `http://127.0.0.1:${backend.port}` }
}

test('Destination names the target, as Host does', async (t) => {
  const { sent, target } = await startDav(t)
  for (const given of [
    'http://dav.test/b',
    'https://dav.test/b',
    'HTTP://DAV.test/b',
    'http://dav.test:80/b',
    'https://dav.test:443/b',
    '/b',
  ]) {
    assert.equal(await sent(given), `${target}/b`, given)
  }
  assert.equal(await sent('http://dav.test/%62/c%20d/?x=%2F'), `${target}/b/c%20d/?x=%2F`)
  assert.equal(await sent('http://dav.test'), `${target}/`)
  assert.equal(await sent('http://dav.test:8443/b', '', '/a', 'dav.test:8443'), `${target}/b`)
})

test("where the service gets the client's Host, Destination has it too", async (t) => {
  const { sent } = await startDav(t, { hosts: ['dav.test'] })
  assert.equal(await sent('https://dav.test/b'), 'http://dav.test/b')
  assert.equal(await sent('http://dav.test:8443/b', '', '/a', 'dav.test:8443'), 'http://dav.test:8443/b')
})

test('prefix, rewriting and the path of the target apply as they do to the path of the request', async (t) => {
  const stripped = await startDav(t, { prefix: '/dav', stripPrefix: true }, { base: '/base' })
  assert.equal(await stripped.sent('http://dav.test/dav/b', '', '/dav/a'), `${stripped.target}/base/b`)
  const rewritten = await startDav(t, {
    passThrough: false,
    routes: [{ method: 'MOVE', url: '/files/:name', rewritePath: '/v2/:name' }],
  })
  assert.equal(await rewritten.sent('http://dav.test/files/b%2Bc', '', '/files/a'), `${rewritten.target}/v2/b%2Bc`)
})

test('behind a proxy, the host and prefix that it has stated are those of the client', async (t) => {
  const { sent, target } = await startDav(t, {}, { config: { trustProxy: ['127.0.0.1'] } })
  const proxied = 'x-forwarded-proto: https\r\nx-forwarded-host: public.test\r\nx-forwarded-prefix: /gw\r\n'
  assert.equal(await sent('https://public.test/gw/b', proxied), `${target}/b`)
  assert.equal(await sent('https://public.test:443/gw/b', proxied), `${target}/b`)
  // a proxy that rewrites the field itself
  assert.equal(await sent('http://dav.test/b', proxied), `${target}/b`)
  assert.equal(await sent('https://else.test/b', proxied), 502)
})

test('each target that a request is sent to gets its own', async (t) => {
  const backend = await startBackend(t)
  const shadow = await startBackend(t)
  const targets = [`http://127.0.0.1:${await closedPort()}`, `${backend.url}/base`]
  const { port } = await startGateway(t, {
    'dav.json': { name: 'dav', auth: 'none', targets, mirror: { targets: [`${shadow.url}/other`] }, passThrough: true },
  })
  for (let i = 0; i < 2; i++) assert.equal((await rawRequest(port, dav('COPY', '/a', 'http://dav.test/b'))).status, 200)
  assert.deepEqual(
    backend.received.map(({ headers }) => headers.destination),
    new Array(2).fill(`${backend.url}/base/b`),
  )
  await eventually('the copies arrive', () => shadow.received.length === 2)
  assert.equal(shadow.received[0]!.headers.destination, `${shadow.url}/other/b`)
})

test('a hand-written route forwards a destination of its own', async (t) => {
  const backend = await startBackend(t)
  const { port } = await startGateway(t, {
    'own.ts': `export default async (app) => {
      const upstream = app.addUpstream({ name: 'own', targets: ['${backend.url}'] })
      for (const [url, auth] of [['/files/*', 'none'], ['/else/*', 'none']]) {
        app.route({ method: 'MOVE', url, config: { auth }, handler: (request, reply) => reply.forward(upstream) })
      }
    }`,
  })
  assert.equal((await rawRequest(port, dav('MOVE', '/files/a', 'http://dav.test/files/b'))).status, 200)
  assert.equal(backend.received[0]!.headers.destination, `${backend.url}/files/b`)
  assert.equal((await rawRequest(port, dav('MOVE', '/files/a', 'http://dav.test/else/b'))).status, 502)
})

test('only COPY and MOVE have a Destination that is looked at', async (t) => {
  const { backend, port, sent } = await startDav(t)
  for (const method of ['GET', 'PUT', 'PROPFIND', 'LOCK']) {
    assert.equal((await rawRequest(port, dav(method, '/a', 'wherever', 'content-length: 0\r\n'))).status, 200)
    assert.equal(backend.received.at(-1)!.headers.destination, 'wherever', method)
  }
  assert.equal((await rawRequest(port, 'MOVE /a HTTP/1.1\r\nhost: dav.test\r\n\r\n')).status, 200)
  assert.equal(backend.received.at(-1)!.headers.destination, undefined)
  assert.equal(await sent('http://else.test/', 'connection: destination\r\n'), undefined, 'it has been taken away')
  const removing = await startDav(t, { requestHeaders: { set: { destination: 'stated' } } })
  assert.equal(await removing.sent('http://else.test/'), 'stated')
})

test('what is stored of the destination no longer holds', async (t) => {
  const { ask, asked, port } = await startCached(t, (request, response) => {
    request.resume()
    response.writeHead(200, request.method === 'GET' ? { 'cache-control': 'max-age=60' } : {}).end()
  })
  const host = `127.0.0.1:${port}`
  await ask('/b')
  await ask('/b')
  assert.equal(asked(), 1)
  assert.equal((await rawRequest(port, dav('COPY', '/a', `http://${host}/%62`, '', host))).status, 200)
  await ask('/b')
  assert.equal(asked(), 3)
})

test('a refusal says what it is about, and is no failure in the log', async (t) => {
  const { app, port } = await startDav(t, {}, { config: { log: { level: 'error' } } })
  const { lines } = captureLog(t, app)
  const problem = async (destination: string): Promise<[number, string, RawResponse]> => {
    const answer = await rawRequest(port, dav('MOVE', '/a', destination))
    return [answer.status, JSON.parse(answer.body).code, answer]
  }
  assert.deepEqual((await problem('http://else.test/b')).slice(0, 2), [502, 'GW_DESTINATION_ELSEWHERE'])
  const [status, code, { body }] = await problem('/a/../b')
  assert.deepEqual([status, code], [400, 'GW_BAD_REQUEST'])
  assert.match(body, /Destination/)
  assert.deepEqual(lines, [])
})

test('with paths as they came, the path of a destination goes as it came too', async (t) => {
  const judge = await startBackend(t)
  const { backend, sent } = await startDav(
    t,
    { hosts: ['dav.test'], paths: 'as-is', auth: { forwardAuth: {} } },
    {
      config: { forwardAuth: { url: judge.url } },
      files: {
        'other.json': {
          name: 'other',
          auth: 'none',
          hosts: ['other.test'],
          targets: ['http://127.0.0.1:9'],
          passThrough: true,
        },
      },
    },
  )
  for (const path of ['/b', '//%61', '/b//c', '/%61;x=1', '/a/../b', '/%zz?x=//']) {
    assert.equal(await sent(`http://dav.test${path}`, '', '//a'), `http://dav.test${path}`, path)
    assert.equal(judge.received.at(-1)!.headers.destination, `http://dav.test${path}`, path)
  }
  assert.equal(await sent('/%61//b'), 'http://dav.test/%61//b')
  const before = backend.received.length
  assert.equal(await sent('http://other.test/b'), 502)
  assert.equal(await sent('http://evil.test//b'), 502)
  for (const unclear of ['//evil.test/b', '/a b', '/a#b', '/a\\b']) assert.equal(await sent(unclear), 400, unclear)
  assert.equal(backend.received.length, before)
})

test('a path has the prefix of a proxy taken away as a URL has, in every spelling', async (t) => {
  const judge = await startBackend(t)
  const { sent, target } = await startDav(
    t,
    {
      auth: { forwardAuth: {} },
    },
    {
      config: { trustProxy: ['127.0.0.1'], forwardAuth: { url: judge.url } },
      files: {
        'secret.json': {
          name: 'secret',
          prefix: '/secret',
          auth: 'none',
          targets: ['http://127.0.0.1:9'],
          passThrough: true,
        },
      },
    },
  )
  const proxied = 'x-forwarded-prefix: /gw\r\n'
  for (const given of ['/gw/b', '/%67w/b', 'http://dav.test/gw/b', 'http://dav.test//gw//b']) {
    assert.equal(await sent(given, proxied), `${target}/b`, given)
    assert.match(String(judge.received.at(-1)!.headers.destination), /^(?:http:\/\/dav\.test)?\/b$/, given)
  }
  assert.equal(await sent('/gw', proxied), `${target}/`)
  assert.equal(await sent('/gwx/b', proxied), `${target}/gwx/b`)
  for (const given of ['/gw/secret/b', '/%67w/secret/b', 'http://dav.test/gw/secret/b']) {
    assert.equal(await sent(given, proxied), 502, given)
  }
})
