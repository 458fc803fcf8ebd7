import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { test, type TestContext } from 'node:test'
import { type Dispatcher, fetch, FormData, request, upgrade, WebSocket } from 'undici'
import { decided, statuses, upstream, upstreamOf } from '../traffic/resilience/exchange.ts'
import { closedPort, startBackend } from '../support/backend.ts'
import { eventually } from '../support/eventually.ts'
import { startGateway } from '../support/gateway.ts'

/** A gateway with the upstream `a`, and what a plugin gives undici. */
async function start(t: TestContext, targets: string[], more: object = {}) {
  const gateway = await startGateway(t, upstream(targets, more))
  return { gateway, dispatcher: upstreamOf(gateway) as Dispatcher }
}

/** A service in a process of its own, which answers with its name. It dies in the middle of a request for `/die`. */
async function startProcess(t: TestContext, name: string): Promise<{ exit: Promise<unknown>; url: string }> {
  const script = `require('node:http').createServer((request, response) => {
    if (request.url === '/die') process.exit(1)
    request.resume().on('end', () => response.end('${name}'))
  }).listen(0, '127.0.0.1', function () { console.log(this.address().port) })`
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exit = once(child, 'exit')
  t.after(() => child.kill('SIGKILL'))
  const [port] = (await once(child.stdout, 'data')) as [Buffer]
  return { exit, url: `http://127.0.0.1:${String(port).trim()}` }
}

const textOf = async (path: string, options: Parameters<typeof request>[1]): Promise<string> =>
  (await request(`http://a${path}`, options)).body.text()

const rejectsWith = (code: string) => (error: Error & { code?: string }) => {
  assert.equal(error.code, code, error.message)
  return true
}

test('a plugin sends its own requests over the balanced targets of an upstream', async (t) => {
  const one = await startProcess(t, 'one')
  const two = await startProcess(t, 'two')
  const undici = import.meta.resolve('undici')
  const { url } = await startGateway(t, {
    'plugin.mjs': `import { fetch, request } from ${JSON.stringify(undici)}
export default async function (app) {
  const orders = app.addUpstream({ name: 'orders', targets: ['${one.url}', '${two.url}'] })
  app.get('/both', { config: { auth: 'none' } }, async () => {
    const first = await request('http://orders/x', { dispatcher: orders })
    const second = await fetch('http://orders/x', { dispatcher: app.upstreams.get('orders') })
    return [await first.body.text(), await second.text()]
  })
}`,
  })
  const names = (await (await globalThis.fetch(`${url}/both`)).json()) as string[]
  assert.deepEqual(names.sort(), ['one', 'two'])
})

test('the fetch of Node itself takes an upstream as its dispatcher', async (t) => {
  const backend = await startBackend(t)
  const { dispatcher } = await start(t, [backend.url])
  const response = await globalThis.fetch('http://a/x?y=1', { dispatcher } as RequestInit)
  assert.deepEqual(await response.json(), { path: '/x?y=1' })
  assert.equal(backend.received[0]!.headers.host, backend.url.slice('http://'.length))
})

test('a GET goes on to the next target when its target dies, and the gateway counts that', async (t) => {
  const dying = await startProcess(t, 'dying')
  const living = await startBackend(t, (_request, response) => response.end('living'))
  const { gateway, dispatcher } = await start(t, [dying.url, living.url])
  for (let i = 0; i < 2; i++) assert.equal(await textOf('/die', { dispatcher }), 'living')
  await dying.exit
  assert.equal(await decided(gateway, 'retried'), 1)
  assert.equal(await textOf('/x', { dispatcher }), 'living', 'which no request reaches any more')
})

test('a POST is not sent again once it was sent, except as idempotent', async (t) => {
  const cutting = await startBackend(t, (request, response) => {
    request.resume().on('end', () => response.destroy())
  })
  const { dispatcher } = await start(t, [cutting.url, cutting.url], { retries: { attempts: 1, backoff: { base: 1 } } })
  const post = (more: object) => request('http://a/x', { dispatcher, method: 'POST', body: 'once', ...more })
  await assert.rejects(post({}), rejectsWith('GW_UPSTREAM_BROKEN'))
  assert.equal(cutting.received.length, 1)
  await assert.rejects(post({ idempotent: true }), rejectsWith('GW_UPSTREAM_BROKEN'))
  assert.equal(cutting.received.length, 3)
})

test('a body is sent again when it is held, and not when it streams', async (t) => {
  const failing = await startBackend(t, statuses(503))
  const { dispatcher } = await start(t, [failing.url], { retries: { attempts: 2, on: [503], backoff: { base: 1 } } })
  const put = async (body: string | Readable) => {
    const { statusCode, body: answer } = await request('http://a/x', { dispatcher, method: 'PUT', body })
    await answer.dump()
    return statusCode
  }
  assert.equal(await put('held'), 503)
  assert.deepEqual(
    failing.received.map(({ body }) => String(body)),
    ['held', 'held', 'held'],
  )
  assert.equal(await put(Readable.from([Buffer.from('str'), Buffer.from('eam')])), 503)
  assert.equal(failing.received.length, 4)
  assert.equal(String(failing.received[3]!.body), 'stream')
})

test('an open circuit gives an error with the code of the gateway, which a route answers as its own', async (t) => {
  const backend = await startBackend(t, statuses(503))
  const { dispatcher } = await start(t, [backend.url], { circuitBreaker: { failures: 1, open: '1h' }, retries: false })
  assert.equal(await textOf('/x', { dispatcher }), 'answer 1', 'a status of the service is no error')
  await assert.rejects(request('http://a/x', { dispatcher }), rejectsWith('GW_UPSTREAM_UNAVAILABLE'))
  await assert.rejects(fetch('http://a/x', { dispatcher }), ({ cause }: Error) =>
    rejectsWith('GW_UPSTREAM_UNAVAILABLE')(cause as Error),
  )
  assert.equal(backend.received.length, 1)
  const { url } = await startGateway(t, {
    'plugin.mjs': `import { request } from ${JSON.stringify(import.meta.resolve('undici'))}
export default async function (app) {
  const dispatcher = app.addUpstream({ name: 'gone', targets: ['http://127.0.0.1:${await closedPort()}'] })
  app.get('/', { config: { auth: 'none' } }, async () => (await request('http://gone/', { dispatcher })).body.text())
}`,
  })
  const answer = await globalThis.fetch(url)
  assert.equal(answer.status, 502)
  assert.equal(((await answer.json()) as { code: string }).code, 'GW_UPSTREAM_UNREACHABLE')
})

test('another origin is refused, also as the end of a redirect, and nothing is sent', async (t) => {
  const elsewhere = await startBackend(t)
  let location = `${elsewhere.url}/stolen`
  const backend = await startBackend(t, (request, response) => {
    if (request.url === '/v1/redirect') response.writeHead(302, { location }).end()
    else response.end(request.url)
  })
  const { dispatcher } = await start(t, [`${backend.url}/v1`])
  for (const url of [elsewhere.url, 'https://a', 'http://b', 'http://a:81', 'http://a.example']) {
    await assert.rejects(request(`${url}/x`, { dispatcher }), (error: Error) => {
      assert.match(error.message, /the dispatcher of the upstream "a" sends to http:\/\/a only, not to http/)
      return rejectsWith('UND_ERR_INVALID_ARG')(error)
    })
  }
  await assert.rejects(fetch('http://a/redirect', { dispatcher }), ({ cause }: Error) =>
    /sends to http:\/\/a only/.test(String(cause)),
  )
  assert.equal(elsewhere.received.length, 0)
  location = `${backend.url}/v1/here?x=1`
  const followed = await fetch('http://a/redirect', { dispatcher })
  assert.equal(await followed.text(), '/v1/here?x=1', 'a redirect to a target of the upstream is followed')
  location = `${backend.url}/admin`
  await assert.rejects(fetch('http://a/redirect', { dispatcher }), ({ cause }: Error) =>
    /serves paths below \/v1 only/.test(String(cause)),
  )
})

test('an abort ends the request at the service, and is no failure of the target', async (t) => {
  const closed = Promise.withResolvers<void>()
  const arrived = Promise.withResolvers<void>()
  const backend = await startBackend(t, (_request, response) => {
    response.on('close', closed.resolve)
    arrived.resolve()
  })
  const { gateway, dispatcher } = await start(t, [backend.url], { circuitBreaker: { failures: 1, open: '1h' } })
  const abort = new AbortController()
  const answer = request('http://a/x', { dispatcher, signal: abort.signal })
  await arrived.promise
  abort.abort()
  await assert.rejects(answer, { name: 'AbortError' })
  await closed.promise
  const [target] = upstreamOf(gateway).targets
  await eventually('the attempt is over', () => target!.inFlight === 0)
  assert.equal(target!.isAvailable(), true)
  await assert.rejects(request('http://a/x', { dispatcher, signal: AbortSignal.abort() }), { name: 'AbortError' })
  assert.equal(target!.inFlight, 0)
})

test('an abort ends the wait for a full target', async (t) => {
  let release: (() => void) | undefined
  const backend = await startBackend(t, (_request, response) => {
    release = () => response.end('done')
  })
  const { gateway, dispatcher } = await start(t, [backend.url], {
    queue: { max: 1, timeout: '1h' },
    targets: [{ url: backend.url, maxConnections: 1 }],
  })
  const first = request('http://a/1', { dispatcher })
  await eventually('the first is there', () => release !== undefined)
  const abort = new AbortController()
  const second = request('http://a/2', { dispatcher, signal: abort.signal })
  await eventually('the second waits', () => upstreamOf(gateway).queue!.size === 1)
  abort.abort()
  await assert.rejects(second, { name: 'AbortError' })
  assert.equal(upstreamOf(gateway).queue!.size, 0)
  release!()
  assert.equal(await (await first).body.text(), 'done')
})

test('a response that nobody reads pauses the service', async (t) => {
  let written = 0
  const backend = await startBackend(t, (_request, response) => {
    const more = () => {
      do written += 64 * 1024
      while (written < 64 * 1024 * 1024 && response.write(Buffer.alloc(64 * 1024)))
      if (written >= 64 * 1024 * 1024) response.end()
    }
    response.on('drain', more)
    more()
  })
  const { dispatcher } = await start(t, [backend.url])
  const { body } = await request('http://a/x', { dispatcher })
  let before = -1
  await eventually('the service waits', async () => {
    const was = before
    before = written
    await delay(50)
    return was === written
  })
  assert.ok(written < 32 * 1024 * 1024, `${written} bytes were taken without being read`)
  let read = 0
  for await (const chunk of body) read += (chunk as Buffer).length
  assert.equal(read, 64 * 1024 * 1024 - 64 * 1024)
})

test('a request body that the service does not read pauses its source', async (t) => {
  let incoming: IncomingMessage | undefined
  const server = createServer((request, response) => {
    incoming = request
    request.on('end', () => response.end('read'))
  })
  t.after(() => server.close().closeAllConnections())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { dispatcher } = await start(t, [`http://127.0.0.1:${(server.address() as AddressInfo).port}`])
  let produced = 0
  const source = async function* () {
    for (; produced < 64 * 1024 * 1024; produced += 64 * 1024) yield Buffer.alloc(64 * 1024)
  }
  const answer = textOf('/x', { dispatcher, method: 'PUT', body: Readable.from(source()) })
  let before = -1
  await eventually('the source waits', async () => {
    const was = before
    before = produced
    await delay(50)
    return incoming !== undefined && was === produced
  })
  assert.ok(produced < 32 * 1024 * 1024, `${produced} bytes were taken without being read`)
  incoming!.resume()
  assert.equal(await answer, 'read')
})

test('headers and bodies go to the service in each form that undici takes', async (t) => {
  const backend = await startBackend(t)
  const { dispatcher } = await start(t, [backend.url])
  const bodies = [new Uint8Array([98, 111, 100, 121]), Buffer.from('body'), 'body', new Blob(['body'])]
  for (const body of bodies) {
    await fetch('http://a/x', { dispatcher, method: 'PUT', body, headers: { authorization: 'Bearer t', 'X-A': '1' } })
  }
  await request('http://a/x', { dispatcher, headers: ['authorization', 'Bearer t', 'x-a', '1'] })
  await request('http://a/x', {
    dispatcher,
    headers: new Map([
      ['authorization', 'Bearer t'],
      ['x-a', '1'],
    ]),
  })
  for (const { headers, body, method } of backend.received) {
    assert.equal(headers.authorization, 'Bearer t', 'credentials are the business of the plugin')
    assert.equal(headers['x-a'], '1')
    assert.equal(String(body), method === 'PUT' ? 'body' : '')
  }
  const form = new FormData()
  form.append('field', 'value')
  await fetch('http://a/x', { dispatcher, method: 'POST', body: form })
  const { headers, body } = backend.received.at(-1)!
  assert.match(headers['content-type']!, /^multipart\/form-data; boundary=/)
  assert.match(String(body), /name="field"\r\n\r\nvalue/)
  await dispatcher.request({
    path: '/q',
    method: 'GET',
    query: { a: '1', b: ['2', '3'] },
    headers: { host: 'own.example' },
  })
  assert.equal(backend.received.at(-1)!.url, '/q?a=1&b=2&b=3')
  assert.equal(backend.received.at(-1)!.headers.host, 'own.example')
  assert.equal(backend.received.length, 8)
})

test('times of the options are kept to, else those of the upstream', async (t) => {
  const backend = await startBackend(t, () => {})
  const { dispatcher } = await start(t, [backend.url], { timeouts: { firstByte: '1h' }, retries: false })
  await assert.rejects(request('http://a/x', { dispatcher, headersTimeout: 20 }), rejectsWith('GW_UPSTREAM_TIMEOUT'))
  const quick = await start(t, [backend.url], { timeouts: { firstByte: '20ms' }, retries: false })
  await assert.rejects(request('http://a/x', { dispatcher: quick.dispatcher }), rejectsWith('GW_UPSTREAM_TIMEOUT'))
})

test('WebSockets are opened, other upgrades and tunnels are refused', async (t) => {
  const backend = await startBackend(t)
  backend.server.on('upgrade', (request, socket) => {
    socket.on('error', () => {})
    if (request.url === '/no') {
      socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n')
      return
    }
    socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\nhello')
  })
  const { gateway, dispatcher } = await start(t, [backend.url], { retries: false })
  const { socket } = await upgrade('http://a/ws', { dispatcher, protocol: 'websocket' })
  const [target] = upstreamOf(gateway).targets
  assert.equal(String((await once(socket, 'data'))[0]), 'hello')
  assert.equal(target!.inFlight, 1, 'a WebSocket counts as long as it is open')
  socket.destroy()
  await eventually('it is over', () => target!.inFlight === 0)
  await assert.rejects(upgrade('http://a/no', { dispatcher, protocol: 'websocket' }), /bad upgrade/)
  await assert.rejects(upgrade('http://a/ws', { dispatcher, protocol: 'h2c' }), /upgrades to WebSocket only/)
  await assert.rejects(dispatcher.connect({ origin: 'http://a', path: 'x:1' }), /CONNECT is not supported/)
  const refused = new WebSocket('ws://a/no', { dispatcher })
  await once(refused, 'error')
})

test('mistakes of a plugin reach it as such, and end nothing else', async (t) => {
  const backend = await startBackend(t)
  const { dispatcher } = await start(t, [backend.url])
  const mistakes: [object, RegExp][] = [
    [{ path: 'x' }, /path must begin with a slash/],
    [{ path: '/x?a', query: { b: '1' } }, /query cannot be passed/],
    [{ expectContinue: true }, /does not support the option expectContinue/],
    [{ reset: true }, /does not support the option reset/],
    [{ headers: ['a'] }, /headers array must be even/],
    [{ headers: { 'transfer-encoding': 'chunked' } }, /invalid transfer-encoding header/],
    [{ headers: { 'x-a': 'a\r\nb: c' } }, /invalid x-a header|invalid header value/i],
    [{ method: 'GE T' }, /invalid request method/],
  ]
  for (const [options, message] of mistakes) {
    await assert.rejects(dispatcher.request({ path: '/', method: 'GET', ...options }), (error: Error) => {
      assert.match(error.message, message)
      return rejectsWith('UND_ERR_INVALID_ARG')(error)
    })
  }
  const thrown = Promise.withResolvers<Error>()
  dispatcher.dispatch(
    { path: '/', method: 'GET' },
    {
      onResponseStart() {
        throw new Error('of the plugin')
      },
      onResponseError: (_controller, error) => thrown.resolve(error),
    },
  )
  assert.equal((await thrown.promise).message, 'of the plugin')
  dispatcher.dispatch(
    { path: '/', method: 'GET' },
    {
      onResponseStart() {
        throw new Error('of the plugin')
      },
      onResponseError() {
        throw new Error('again')
      },
    },
  )
  assert.equal((await request('http://a/x', { dispatcher })).statusCode, 200)
})

test('an upstream is composed with interceptors as any dispatcher', async (t) => {
  const backend = await startBackend(t, (request, response) => response.end(request.headers['x-added']))
  const { dispatcher } = await start(t, [backend.url])
  const composed = dispatcher.compose(
    (dispatch) => (options, handler) => dispatch({ ...options, headers: { 'x-added': 'by the interceptor' } }, handler),
  )
  assert.equal(await textOf('/x', { dispatcher: composed }), 'by the interceptor')
})
