import assert from 'node:assert/strict'
import { once } from 'node:events'
import { get, type IncomingMessage, request as httpRequest } from 'node:http'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { closedPort, startBackend, startRawBackend } from '../support/backend.ts'
import { startGateway } from '../support/gateway.ts'
import { rawRequest } from '../support/raw-client.ts'

const open = (targets: unknown[], more: object = {}) => ({
  'a.json': {
    name: 'a',
    prefix: '/a',
    auth: 'none',
    targets,
    routes: [{ method: ['GET', 'POST', 'PUT', 'DELETE', 'QUERY', 'OPTIONS'], url: '/*' }],
    ...more,
  },
})

test('forwards method, path, query and body as they came', async (t) => {
  const backend = await startBackend(t)
  const { url } = await startGateway(t, open([backend.url]))
  const body = '{"big": 12345678901234567890, "a": 1, "a": 2}'
  const response = await fetch(`${url}/a/x%2Fy?q=%20&q=2&empty`, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json' },
  })
  assert.equal(response.status, 200)
  const [received] = backend.received
  assert.equal(received!.method, 'POST')
  assert.equal(received!.url, '/a/x%2Fy?q=%20&q=2&empty')
  assert.equal(received!.body.toString(), body)
})

test('leaves the type of a response alone, whatever its body', async (t) => {
  const backend = await startBackend(t, (request, response) => {
    request.resume()
    const type = decodeURIComponent(request.url!.split('/').at(-1)!)
    if (type !== '') response.setHeader('content-type', type)
    response.end(type.includes('plain') ? 'caf\u00e9' : '{"a":1}')
  })
  const { url } = await startGateway(t, {
    ...open([backend.url]),
    'p.json': { name: 'p', prefix: '/p', auth: 'none', targets: [backend.url], passThrough: true },
  })
  for (const prefix of ['/a', '/p']) {
    for (const type of [
      'application/json',
      'application/json; charset=utf-8',
      'application/vnd.x+json',
      'text/plain',
      'x',
      'text/plain;CHARSET=latin1',
      '',
    ]) {
      const response = await fetch(`${url}${prefix}/${encodeURIComponent(type)}`)
      assert.equal(response.headers.get('content-type') ?? '', type, prefix)
      assert.equal(await response.text(), type.includes('plain') ? 'caf\u00e9' : '{"a":1}')
    }
  }
})

test('forwards QUERY with its body', async (t) => {
  const backend = await startBackend(t)
  const { port } = await startGateway(t, open([backend.url]))
  const response = await rawRequest(
    port,
    'QUERY /a/find HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\ncontent-type: text/plain\r\n\r\nname',
  )
  assert.equal(response.status, 200)
  assert.equal(backend.received[0]!.method, 'QUERY')
  assert.equal(backend.received[0]!.body.toString(), 'name')
})

test('removes hop-by-hop fields and those that Connection names, in both directions', async (t) => {
  const backend = await startBackend(t, (request, response) => {
    request.resume()
    response
      .setHeader('x-private', 'hop')
      .setHeader('connection', 'x-private')
      .setHeader('keep-alive', 'timeout=9')
      .setHeader('x-public', 'end')
    response.setHeader('server', 'secret/1').setHeader('x-powered-by', 'php').end('ok')
  })
  const { port } = await startGateway(t, open([backend.url]))
  const response = await rawRequest(
    port,
    'GET /a/ HTTP/1.1\r\nhost: x\r\nconnection: keep-alive, X-Mine, X-Forwarded-For, Via\r\nx-mine: 1\r\nte: trailers\r\nproxy-authorization: Basic eA==\r\nupgrade: h2c\r\nhttp2-settings: x\r\nx-kept: 1\r\n\r\n',
  )
  assert.equal(response.status, 200)
  for (const name of ['x-private', 'server', 'x-powered-by']) assert.equal(response.headers[name], undefined, name)
  assert.notEqual(response.headers['keep-alive'], 'timeout=9')
  assert.equal(response.headers['x-public'], 'end')
  const { headers } = backend.received[0]!
  for (const name of ['x-mine', 'te', 'proxy-authorization', 'upgrade', 'http2-settings']) {
    assert.equal(headers[name], undefined, name)
  }
  assert.equal(headers['x-kept'], '1')
  assert.equal(headers['x-forwarded-for'], '127.0.0.1', 'Connection cannot name away what the gateway adds')
  assert.equal(headers.via, '1.1 gatehouse')
})

test('tells the upstream of the client, and believes nobody but trusted proxies', async (t) => {
  const backend = await startBackend(t)
  const lies = {
    'x-forwarded-for': '6.6.6.6',
    'x-forwarded-proto': 'https',
    'x-forwarded-host': 'evil',
    forwarded: 'for=6.6.6.6',
    'x-real-ip': '6.6.6.6',
    'x-request-id': 'theirs',
    'x-gatehouse-mirror': '1',
  }
  const distrusting = await startGateway(t, open([backend.url]))
  await fetch(`${distrusting.url}/a/`, { headers: lies })
  const first = backend.received[0]!.headers
  assert.equal(first['x-forwarded-for'], '127.0.0.1')
  assert.equal(first['x-forwarded-proto'], 'http')
  assert.equal(first['x-forwarded-host'], `127.0.0.1:${distrusting.port}`)
  assert.equal(first.forwarded, `for=127.0.0.1;host="127.0.0.1:${distrusting.port}";proto=http`)
  assert.equal(first['x-real-ip'], undefined)
  assert.notEqual(first['x-request-id'], 'theirs')
  assert.equal(first['x-gatehouse-mirror'], undefined, 'or a service would keep its effects to itself')
  assert.equal(first.host, `127.0.0.1:${backend.port}`)

  const trusting = await startGateway(t, open([backend.url]), { trustProxy: ['127.0.0.0/8'] })
  const answer = await fetch(`${trusting.url}/a/`, { headers: lies })
  const second = backend.received[1]!.headers
  assert.equal(second['x-forwarded-for'], '6.6.6.6, 127.0.0.1')
  assert.equal(second['x-forwarded-proto'], 'https')
  assert.equal(second['x-forwarded-host'], 'evil')
  assert.equal(second.forwarded, 'for=6.6.6.6;host="evil";proto=https, for=127.0.0.1')
  assert.equal(second['x-real-ip'], undefined)
  assert.equal(second['x-request-id'], 'theirs')
  assert.equal(second['x-gatehouse-mirror'], '1')
  assert.equal(answer.headers.get('x-request-id'), 'theirs')
})

test('passes to the next target when one refuses the connection, and spreads by weight', async (t) => {
  const hits = { light: 0, heavy: 0 }
  const light = await startBackend(t, (request, response) => {
    hits.light++
    request.resume()
    response.end('l')
  })
  const heavy = await startBackend(t, (request, response) => {
    hits.heavy++
    request.resume()
    response.end('h')
  })
  const dead = `http://127.0.0.1:${await closedPort()}`
  const { url } = await startGateway(t, open([dead, light.url, { url: heavy.url, weight: 2 }]))
  for (let i = 0; i < 40; i++) {
    const response = await fetch(`${url}/a/`, { method: i % 2 ? 'POST' : 'GET', body: i % 2 ? 'x' : undefined })
    assert.equal(response.status, 200)
    await response.text()
  }
  assert.equal(hits.light + hits.heavy, 40)
  assert.ok(hits.heavy > hits.light * 1.4, JSON.stringify(hits))
})

test('answers 502 when every target refuses, and stays alive under a burst', async (t) => {
  const { url, app } = await startGateway(
    t,
    open([`http://127.0.0.1:${await closedPort()}`, `http://127.0.0.1:${await closedPort()}`]),
  )
  const responses = await Promise.all(
    Array.from({ length: 100 }, () => fetch(`${url}/a/`, { method: 'POST', body: 'x'.repeat(1000) })),
  )
  for (const response of responses) {
    assert.equal(response.status, 502)
    assert.equal(response.headers.get('content-type'), 'application/problem+json; charset=utf-8')
    const problem = (await response.json()) as Record<string, string>
    assert.equal(problem.code, 'GW_UPSTREAM_UNREACHABLE')
    assert.doesNotMatch(JSON.stringify(problem), /127\.0\.0\.1|ECONN|undici/)
    assert.equal(problem.requestId, response.headers.get('x-request-id'))
  }
  assert.equal((await app.inject('/livez')).statusCode, 200)
})

test('repeats an idempotent request once when a kept connection turns out closed, and never a POST', async (t) => {
  let requests = 0
  const backend = await startRawBackend(t, (socket) => {
    let onThis = 0
    socket.on('data', (bytes) => {
      requests++
      // the first GET of a connection is answered, the second finds it closed, as every POST does
      if (onThis++ === 0 && bytes.toString().startsWith('GET')) {
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok')
      } else socket.destroy()
    })
  })
  const { url } = await startGateway(t, open([backend.url]))
  assert.equal((await fetch(`${url}/a/`)).status, 200)
  assert.equal((await fetch(`${url}/a/`)).status, 200, 'second try on a new connection')
  assert.equal(requests, 3)
  const post = await fetch(`${url}/a/`, { method: 'POST', body: 'once' })
  assert.equal(post.status, 502)
  assert.equal(requests, 4)
})

test('answers HEAD, 204 and 304 without a body and keeps their headers', async (t) => {
  const backend = await startBackend(t, (request, response) => {
    request.resume()
    const status = Number(new URL(request.url!, 'http://x').searchParams.get('s') ?? 200)
    response.writeHead(status, status === 200 ? { 'content-length': '1234', etag: '"e"' } : { etag: '"e"' })
    response.end(request.method === 'HEAD' || status !== 200 ? undefined : 'x'.repeat(1234))
  })
  const { port } = await startGateway(t, open([backend.url]))
  const head = await rawRequest(port, 'HEAD /a/ HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
  assert.equal(head.status, 200)
  assert.equal(head.headers['content-length'], '1234')
  assert.equal(head.body, '')
  assert.equal(backend.received[0]!.method, 'HEAD')
  for (const status of [204, 304]) {
    const response = await rawRequest(port, `GET /a/?s=${status} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`)
    assert.equal(response.status, status)
    assert.equal(response.headers.etag, '"e"')
    assert.equal(response.headers['content-length'], undefined)
    assert.equal(response.body, '')
  }
})

test('relays trailers that may be relayed', async (t) => {
  const backend = await startBackend(t, (request, response) => {
    request.resume()
    response.setHeader('trailer', 'x-checksum, x-other')
    response.write('body')
    response.addTrailers({ 'x-checksum': 'abc', 'cache-control': 'public' })
    response.end()
  })
  const { port } = await startGateway(t, open([backend.url]))
  const request = httpRequest({ port, path: '/a/', headers: { te: 'trailers' } }).end()
  const [response] = await once(request, 'response')
  assert.equal(await text(response), 'body')
  assert.equal(response.trailers['x-checksum'], 'abc')
  assert.equal(response.trailers['cache-control'], undefined)
})

test('tells a client that expects 100-continue to go on only when the body is wanted', async (t) => {
  const backend = await startBackend(t)
  const { port } = await startGateway(t, {
    ...open([backend.url]),
    'b.json': {
      name: 'b',
      prefix: '/b',
      auth: 'none',
      targets: [backend.url],
      routes: [{ method: 'POST', url: '/', schema: { body: { type: 'object' } } }],
    },
  })
  const ask = (path: string) =>
    new Promise<{ continued: boolean; status: number }>((resolve, reject) => {
      let continued = false
      const request = httpRequest({
        port,
        method: 'POST',
        path,
        headers: { expect: '100-continue', 'content-length': 2, 'content-type': 'application/json' },
      })
      request.on('continue', () => {
        continued = true
        request.end('{}')
      })
      request.on('response', (response) => {
        response.resume()
        resolve({ continued, status: response.statusCode! })
        request.destroy()
      })
      request.on('error', reject)
      request.flushHeaders()
    })
  assert.deepEqual(await ask('/a/x'), { continued: true, status: 200 })
  assert.deepEqual(await ask('/b'), { continued: true, status: 200 })
  assert.deepEqual(await ask('/nowhere'), { continued: false, status: 404 })
  assert.equal(backend.received[0]!.headers.expect, undefined)
})

test('streams a request body on before it is complete', async (t) => {
  const first = Promise.withResolvers<string>()
  const backend = await startBackend(t, (request, response) => {
    request.once('data', (chunk) => first.resolve(String(chunk)))
    request.on('end', () => response.end('done'))
  })
  const { port } = await startGateway(t, open([backend.url]))
  const request = httpRequest({ port, method: 'POST', path: '/a/' })
  request.write('first')
  assert.equal(await first.promise, 'first')
  request.end('second')
  const [response] = await once(request, 'response')
  assert.equal(await text(response), 'done')
  assert.equal(backend.received[0]!.body.toString(), 'firstsecond')
})

test('streams a response with its headers at once', async (t) => {
  const go = Promise.withResolvers<void>()
  const backend = await startBackend(t, (request, response) => {
    request.resume()
    response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
    go.promise.then(() => response.end('data: 1\n\n'))
  })
  const { url } = await startGateway(t, open([backend.url]))
  const response = await fetch(`${url}/a/`)
  assert.equal(response.headers.get('content-type'), 'text/event-stream')
  go.resolve()
  assert.equal(await response.text(), 'data: 1\n\n')
})

test('relays large bodies both ways byte by byte', async (t) => {
  const backend = await startBackend(t, (request, response) => {
    request.pipe(response)
  })
  const { url } = await startGateway(t, open([backend.url]))
  const body = Buffer.alloc(8 * 1024 * 1024, 'gatehouse ')
  const response = await fetch(`${url}/a/`, { method: 'POST', body })
  assert.deepEqual(Buffer.from(await response.arrayBuffer()), body)
})

test('a client that goes away takes the upstream request with it', async (t) => {
  const closed = Promise.withResolvers<void>()
  const begun = Promise.withResolvers<void>()
  const backend = await startBackend(t, (request, response) => {
    request.resume()
    response.on('close', () => closed.resolve())
    response.write('start')
    begun.resolve()
  })
  const { port, app } = await startGateway(t, open([backend.url]))
  const request = httpRequest({ port, path: '/a/' }).end()
  request.on('error', () => {})
  request.on('response', (response) => {
    response.on('error', () => {})
    response.once('data', () => request.destroy())
  })
  await begun.promise
  await closed.promise
  assert.equal((await app.inject('/livez')).statusCode, 200)
})

test('a client that goes away before the answer frees the upstream too', async (t) => {
  const closed = Promise.withResolvers<void>()
  const begun = Promise.withResolvers<void>()
  const backend = await startBackend(t, (request, response) => {
    request.resume()
    response.on('close', () => closed.resolve())
    begun.resolve()
  })
  const { port } = await startGateway(t, open([backend.url]))
  const request = httpRequest({ port, path: '/a/' }).end()
  request.on('error', () => {})
  await begun.promise
  request.destroy()
  await closed.promise
})

test('an upstream that breaks off cuts the client off instead of ending the body well', async (t) => {
  const backend = await startRawBackend(t, (socket) => {
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n')
      setImmediate(() => socket.destroy())
    })
  })
  const { url } = await startGateway(t, open([backend.url]))
  await assert.rejects(async () => {
    await (await fetch(`${url}/a/`)).text()
  })
})

const BROKEN: [string, string][] = [
  ['garbage', 'not http at all\r\n\r\n'],
  ['nothing', ''],
  ['a short body', 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc'],
  ['two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\nContent-Length: 3\r\n\r\nab'],
  [
    'length and chunks',
    'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n',
  ],
  ['an unknown transfer coding', 'HTTP/1.1 200 OK\r\ntransfer-encoding: xchunked\r\n\r\n2\r\nab\r\n0\r\n\r\n'],
  [
    'a transfer coding behind chunked',
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked, identity\r\n\r\n2\r\nab\r\n0\r\n\r\n',
  ],
  ['chunked twice', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked, chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n'],
  ['a compressed transfer', 'HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n'],
  ['a header without colon', 'HTTP/1.1 200 OK\r\nbroken\r\n\r\n'],
  ['an uninvited upgrade', 'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n'],
  ['a header flood', `HTTP/1.1 200 OK\r\n${'x-flood: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n'.repeat(5000)}\r\n`],
]
for (const [what, bytes] of BROKEN) {
  test(`an upstream that answers ${what} gives 502`, async (t) => {
    const backend = await startRawBackend(t, (socket) => {
      socket.once('data', () => socket.end(bytes))
    })
    const { url } = await startGateway(t, open([backend.url]))
    const response = await fetch(`${url}/a/`)
    assert.equal(response.status, 502)
    assert.equal(((await response.json()) as { code: string }).code, 'GW_UPSTREAM_BROKEN')
    assert.equal(response.headers.get('x-flood'), null)
  })
}

test('an upstream that stays silent gives 504', async (t) => {
  const backend = await startRawBackend(t, (socket) => {
    socket.resume()
  })
  const { url } = await startGateway(t, open([backend.url], { timeouts: { firstByte: '200ms' } }))
  const response = await fetch(`${url}/a/`)
  assert.equal(response.status, 504)
  assert.equal(((await response.json()) as { code: string }).code, 'GW_UPSTREAM_TIMEOUT')
})

test('an upstream that stops in the middle is cut off after the idle timeout', async (t) => {
  const backend = await startRawBackend(t, (socket) => {
    socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\nabc'))
  })
  const { url } = await startGateway(t, open([backend.url], { timeouts: { idle: '200ms' } }))
  await assert.rejects(async () => {
    await (await fetch(`${url}/a/`)).text()
  })
})

test('a second response staged on an idle connection is never given to the next request', async (t) => {
  const backend = await startRawBackend(t, (socket) => {
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ngood')
      setImmediate(() => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil'))
    })
  })
  const { url } = await startGateway(t, open([backend.url]))
  for (let i = 0; i < 5; i++) assert.equal(await (await fetch(`${url}/a/`)).text(), 'good')
})

test('limits a streamed body when the upstream states a limit', async (t) => {
  const backend = await startBackend(t)
  const { port } = await startGateway(t, open([backend.url], { bodyLimit: 10 }))
  const known = await rawRequest(port, 'POST /a/ HTTP/1.1\r\nhost: x\r\ncontent-length: 11\r\n\r\n12345678901')
  assert.equal(known.status, 413)
  const chunked = await rawRequest(
    port,
    'POST /a/ HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nb\r\n12345678901\r\n0\r\n\r\n',
  )
  assert.equal(chunked.status, 413)
  const fits = await rawRequest(
    port,
    'POST /a/ HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\na\r\n1234567890\r\n0\r\n\r\n',
  )
  assert.equal(fits.status, 200)
})

test('headers do not wait for a small body that takes its time', async (t) => {
  let finish = (): void => {}
  const { url } = await startBackend(t, (_request, response) => {
    response.writeHead(200, { 'content-length': '10', date: 'Mon, 23 Nov 2026 11:00:00 GMT' }).write('first')
    finish = () => response.end('other')
  })
  const { port } = await startGateway(t, {
    'a.json': { name: 'a', auth: 'none', targets: [url], routes: [{ method: 'GET', url: '/' }] },
  })
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get({ port, path: '/' }, resolve).on('error', reject)
  })
  assert.equal(response.headers['content-length'], '10')
  const chunks: string[] = []
  for await (const chunk of response) {
    chunks.push(String(chunk))
    finish()
  }
  assert.equal(chunks.join('|'), 'first|other')
})
