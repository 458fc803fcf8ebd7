import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request as httpRequest, type ServerResponse } from 'node:http'
import { test } from 'node:test'
import { closedPort, startBackend, startRawBackend } from '../../support/backend.ts'
import { eventually } from '../../support/eventually.ts'
import { startGateway } from '../../support/gateway.ts'
import { allOver, BACKOFF, decided, statuses, upstream, upstreamOf } from './exchange.ts'

test('a status that is stated is tried again, at another target, and the client sees success alone', async (t) => {
  const bad = await startBackend(t, statuses(503))
  const good = await startBackend(t, statuses(200))
  const gateway = await startGateway(t, upstream([bad.url, good.url], { retries: { on: [503], backoff: BACKOFF } }))
  for (let i = 0; i < 10; i++) {
    const response = await fetch(`${gateway.url}/a/x`)
    assert.equal(response.status, 200)
    await response.text()
  }
  assert.equal(good.received.length, 10)
  assert.equal(bad.received.length, 5, 'round-robin begins with it every other time')
  assert.equal(await decided(gateway, 'retried'), 5)
  await allOver(gateway)
})

test('when all targets have been tried it starts over, and the last response is passed on as it is', async (t) => {
  const one = await startBackend(t, statuses(503, 502))
  const other = await startBackend(t, statuses(504))
  const gateway = await startGateway(
    t,
    upstream([one.url, other.url], { retries: { attempts: 2, on: ['5xx'], backoff: BACKOFF } }),
  )
  const response = await fetch(`${gateway.url}/a/x`)
  assert.equal(response.status, 502)
  assert.equal(response.headers.get('content-type'), 'text/plain')
  assert.equal(await response.text(), 'answer 2')
  assert.deepEqual([one.received.length, other.received.length], [2, 1])
  await allOver(gateway)
})

test('without a word about retries, statuses are the business of the client', async (t) => {
  const bad = await startBackend(t, statuses(503))
  const gateway = await startGateway(t, upstream([bad.url, bad.url]))
  assert.equal((await fetch(`${gateway.url}/a/x`)).status, 503)
  assert.equal(bad.received.length, 1)
})

test('a POST is never sent twice, unless its route says that it may be', async (t) => {
  const backend = await startBackend(t, statuses(503))
  const schema = { body: { type: 'object' } }
  const gateway = await startGateway(
    t,
    upstream([backend.url], {
      retries: { attempts: 2, backoff: BACKOFF },
      routes: [
        { method: 'POST', url: '/plain', schema },
        { method: 'POST', url: '/stated', schema, retries: { attempts: 1, methods: ['POST'], backoff: BACKOFF } },
        { method: 'PUT', url: '/off', schema, retries: false },
      ],
    }),
  )
  const send = async (path: string, method = 'POST', headers = {}) => {
    backend.received.length = 0
    assert.equal(
      (
        await fetch(`${gateway.url}/a/${path}`, {
          method,
          body: '{}',
          headers: { 'content-type': 'application/json', ...headers },
        })
      ).status,
      503,
    )
    return backend.received.length
  }
  assert.equal(await send('plain'), 1)
  assert.equal(await send('plain', 'POST', { 'idempotency-key': '"k"' }), 1)
  assert.equal(await send('stated'), 2)
  assert.equal(await send('off', 'PUT'), 1)
})

test('a body that has been collected is replayed byte for byte, one that streams is not', async (t) => {
  const backend = await startBackend(t, statuses(503, 503, 200))
  const gateway = await startGateway(
    t,
    upstream([backend.url], {
      retries: { attempts: 2, backoff: BACKOFF },
      routes: [
        { method: 'PUT', url: '/collected', schema: { body: { type: 'object' } } },
        { method: 'PUT', url: '/streamed' },
      ],
    }),
  )
  const body = `{"n":12345678901234567890, "m":1.0, "text":"${'ä€'.repeat(5000)}"}`
  const headers = { 'content-type': 'application/json' }
  assert.equal((await fetch(`${gateway.url}/a/collected`, { method: 'PUT', body, headers })).status, 200)
  assert.deepEqual(
    backend.received.map((received) => received.body.toString()),
    [body, body, body],
  )
  assert.equal(new Set(backend.received.map(({ headers }) => headers['x-request-id'])).size, 1)

  const other = await startBackend(t, statuses(503, 200))
  const streaming = await startGateway(t, upstream([other.url], { retries: { attempts: 2, backoff: BACKOFF } }))
  const stream = new Blob([body]).stream()
  assert.equal(
    (await fetch(`${streaming.url}/a/x`, { method: 'PUT', body: stream, duplex: 'half' } as RequestInit)).status,
    503,
  )
  assert.equal(other.received.length, 1)
  // a small body of known length is collected, whatever its route
  assert.equal((await fetch(`${streaming.url}/a/x`, { method: 'PUT', body })).status, 200)
})

test('an outage is not multiplied: retries stay within the budget', async (t) => {
  // the requests of ten seconds count, however long they take here
  const now = performance.now()
  t.mock.method(performance, 'now', () => now)
  const backend = await startBackend(t, statuses(503))
  const gateway = await startGateway(t, upstream([backend.url], { retries: { attempts: 3, backoff: { base: 0 } } }))
  for (let round = 0; round < 10; round++) {
    await Promise.all(
      Array.from({ length: 20 }, async () => {
        const response = await fetch(`${gateway.url}/a/x`)
        assert.equal(response.status, 503)
        await response.text()
      }),
    )
  }
  assert.ok(
    backend.received.length > 220 && backend.received.length <= 240,
    `${backend.received.length} for 200 requests and 20 percent`,
  )
  assert.ok((await decided(gateway, 'retry_budget_exhausted')) > 0)
})

test('a dead target costs no budget: every request is passed on to a living one', async (t) => {
  const good = await startBackend(t)
  const gateway = await startGateway(
    t,
    upstream([`http://127.0.0.1:${await closedPort()}`, good.url], { retries: { budget: { percent: 0, minimum: 0 } } }),
  )
  for (let i = 0; i < 30; i++) {
    assert.equal(
      (await fetch(`${gateway.url}/a/x`, { method: i % 2 ? 'POST' : 'GET', body: i % 2 ? 'x' : undefined })).status,
      200,
    )
  }
})

test('retries: false passes a refused connection on as 502', async (t) => {
  const good = await startBackend(t)
  const gateway = await startGateway(
    t,
    upstream([`http://127.0.0.1:${await closedPort()}`, good.url], { retries: false }),
  )
  const got: number[] = []
  for (let i = 0; i < 4; i++) got.push((await fetch(`${gateway.url}/a/x`)).status)
  assert.deepEqual(got.sort(), [200, 200, 502, 502])
})

test('Retry-After is waited for, in seconds and as a date', async (t) => {
  // a date has whole seconds, so that two seconds from now may be little more than one
  await Promise.all(
    [() => '1', () => new Date(Date.now() + 2000).toUTCString()].map(async (value) => {
      const times: number[] = []
      const backend = await startBackend(t, (_request, response) => {
        times.push(performance.now())
        if (times.length === 1) response.writeHead(503, { 'retry-after': value() }).end()
        else response.end('ok')
      })
      const gateway = await startGateway(t, upstream([backend.url], { retries: { attempts: 1, backoff: BACKOFF } }))
      assert.equal((await fetch(`${gateway.url}/a/x`)).status, 200)
      assert.ok(times[1]! - times[0]! >= 990, `${times[1]! - times[0]!} ms`)
    }),
  )
})

test('a Retry-After that is too long passes the response on at once', async (t) => {
  const backend = await startBackend(t, (_request, response) => {
    response.writeHead(503, { 'retry-after': '3600' }).end()
  })
  const gateway = await startGateway(t, upstream([backend.url], { retries: { backoff: BACKOFF } }))
  const response = await fetch(`${gateway.url}/a/x`)
  assert.equal(response.status, 503)
  assert.equal(response.headers.get('retry-after'), '3600')
  assert.equal(backend.received.length, 1)
})

test('a client that leaves during the pause ends the request', async (t) => {
  const answered = Promise.withResolvers<void>()
  const backend = await startBackend(t, (_request, response) => {
    response.writeHead(503, { 'retry-after': '60' }).end(() => answered.resolve())
  })
  const gateway = await startGateway(
    t,
    upstream([backend.url], { concurrency: { max: 1 }, retries: { backoff: { base: 1, max: '2 minutes' } } }),
  )
  const client = httpRequest({ port: gateway.port, path: '/a/x' })
    .on('error', () => {})
    .end()
  await answered.promise
  await eventually(
    'retry planned',
    () => upstreamOf(gateway).concurrency!.inFlight === 1 && upstreamOf(gateway).targets[0]!.inFlight === 0,
  )
  client.destroy()
  await eventually('request over', () => upstreamOf(gateway).concurrency!.inFlight === 0)
  assert.equal(backend.received.length, 1)
  assert.equal((await gateway.app.inject('/livez')).statusCode, 200)
})

test('nothing is tried again once the client has got bytes', async (t) => {
  const backend = await startRawBackend(t, (socket) => {
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n')
      setImmediate(() => socket.destroy())
    })
  })
  const gateway = await startGateway(
    t,
    upstream([backend.url], { retries: { on: ['reset', 'connect', '5xx'], backoff: BACKOFF } }),
  )
  await assert.rejects(async () => {
    await (await fetch(`${gateway.url}/a/x`)).text()
  })
  assert.equal(backend.connections(), 1)
})

test('an answer that is no HTTP is not asked for again', async (t) => {
  const backend = await startRawBackend(t, (socket) => {
    socket.once('data', () => socket.end('garbage\r\n\r\n'))
  })
  const gateway = await startGateway(t, upstream([backend.url], { retries: { backoff: BACKOFF } }))
  assert.equal((await fetch(`${gateway.url}/a/x`)).status, 502)
  assert.equal(backend.connections(), 1)
})

test('of a response that is not wanted no more than a little is read', async (t) => {
  let written = 0
  const cut = Promise.withResolvers<void>()
  const chunk = Buffer.alloc(64 * 1024)
  const flood = await startBackend(t, (_request, response: ServerResponse) => {
    response.writeHead(503, { 'content-type': 'application/octet-stream' })
    const more = (): void => {
      if (!response.destroyed) {
        response.write(chunk, () => {
          written += chunk.length
          setImmediate(more)
        })
      }
    }
    response.on('close', () => cut.resolve())
    more()
  })
  const good = await startBackend(t)
  const gateway = await startGateway(t, upstream([flood.url, good.url], { retries: { backoff: BACKOFF } }))
  assert.equal((await fetch(`${gateway.url}/a/x`)).status, 200)
  await cut.promise
  assert.ok(written < 16 * 1024 * 1024, `${written} bytes`)
  await allOver(gateway)
})

test('a short response that is not wanted keeps its connection, one that never ends is cut', async (t) => {
  const connections = new Set()
  const short = await startBackend(t, (request, response) => {
    connections.add(request.socket)
    response.writeHead(503, { 'content-length': 4 }).end('busy')
  })
  const good = await startBackend(t)
  const gateway = await startGateway(t, upstream([short.url, good.url], { retries: { backoff: BACKOFF } }))
  short.server.keepAliveTimeout = 600_000
  for (let i = 0; i < 8; i++) {
    assert.equal((await fetch(`${gateway.url}/a/x`)).status, 200)
    // what is not wanted may come to its end after the answer
    await allOver(gateway)
  }
  assert.equal(connections.size, 1)

  const cut = Promise.withResolvers<void>()
  const hanging = await startBackend(t, (_request, response) => {
    response.writeHead(503, { 'content-length': 4 }).write('bu')
    response.on('close', () => cut.resolve())
  })
  const other = await startGateway(t, upstream([hanging.url, good.url], { retries: { backoff: BACKOFF } }))
  assert.equal((await fetch(`${other.url}/a/x`)).status, 200)
  await cut.promise
  await allOver(other)
})

test('an attempt that takes too long is broken off and made elsewhere', async (t) => {
  const cut = Promise.withResolvers<void>()
  const frozen = await startBackend(t, (_request, response) => {
    response.on('close', () => cut.resolve())
  })
  const good = await startBackend(t)
  const gateway = await startGateway(
    t,
    upstream([frozen.url, good.url], { retries: { perTryTimeout: '1s', backoff: BACKOFF } }),
  )
  assert.equal((await fetch(`${gateway.url}/a/x`)).status, 200)
  await cut.promise
  await allOver(gateway)
})

test('the total timeout holds over all attempts, and frees what it breaks off', async (t) => {
  const frozen = await startBackend(t, () => {})
  const gateway = await startGateway(
    t,
    upstream([frozen.url], {
      timeouts: { total: '1500ms' },
      retries: { attempts: 10, perTryTimeout: '300ms', backoff: BACKOFF },
    }),
  )
  const begun = performance.now()
  const response = await fetch(`${gateway.url}/a/x`)
  assert.equal(response.status, 504)
  assert.equal(((await response.json()) as { code: string }).code, 'GW_UPSTREAM_TIMEOUT')
  const took = performance.now() - begun
  assert.ok(took >= 1400, `${took} ms`)
  // without the total there would be eleven
  assert.ok(frozen.received.length >= 2 && frozen.received.length <= 6, `${frozen.received.length} attempts`)
  await allOver(gateway)
})

test('the total timeout answers 504 for a response that has not begun, and leaves one that streams alone', async (t) => {
  let finish = (): void => {}
  const backend = await startBackend(t, (request, response) => {
    if (request.url!.endsWith('/slow')) return
    response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
    finish = () => response.end('data: late\n\n')
  })
  const gateway = await startGateway(t, upstream([backend.url], { timeouts: { total: '1s' } }))
  const stream = await fetch(`${gateway.url}/a/stream`)
  assert.equal(stream.status, 200)
  // it was asked for later, so that the time of the stream is over before its own
  assert.equal((await fetch(`${gateway.url}/a/slow`)).status, 504)
  finish()
  assert.equal(await stream.text(), 'data: late\n\n')
  await allOver(gateway)
})

test('the configuration states what upstreams inherit, and a mistake names its field', async (t) => {
  const backend = await startBackend(t, statuses(503, 200))
  const gateway = await startGateway(t, upstream([backend.url]), {
    retries: { attempts: 1, on: [503], backoff: BACKOFF },
  })
  assert.equal((await fetch(`${gateway.url}/a/x`)).status, 200)
  await assert.rejects(
    startGateway(
      t,
      upstream([backend.url], {
        retries: { attempts: 0, on: ['sometimes'], methods: ['get'] },
        routes: [{ method: 'GET', url: '/', retries: { budget: {} } }],
      }),
    ),
    (error: Error) => {
      for (const field of ['retries.attempts', 'retries.on[0]', 'retries.methods[0]', 'routes[0].retries']) {
        assert.ok(error.message.includes(`a.json: ${field}: `), `${field} in ${error.message}`)
      }
      return true
    },
  )
})

test('a plugin written by hand and a pass-through have the same engine', async (t) => {
  const backend = await startBackend(t, statuses(503, 200))
  const passing = await startGateway(
    t,
    upstream([backend.url], { routes: [], passThrough: true, retries: { backoff: BACKOFF } }),
  )
  assert.equal((await fetch(`${passing.url}/a/x`)).status, 200)

  const other = await startBackend(t, statuses(503, 200))
  const manual = await startGateway(t, {
    'm.ts': `export default async (app) => {
      const upstream = app.addUpstream({ name: 'm', targets: ['${other.url}'], retries: { on: [503] } })
      app.get('/m', { config: { auth: 'none' } }, (request, reply) => reply.forward(upstream))
    }`,
  })
  assert.equal((await fetch(`${manual.url}/m`)).status, 200)
  assert.equal(other.received.length, 2)
})

test('a streamed request body is passed on to another target only while nothing of it has been read', async (t) => {
  const good = await startBackend(t)
  const gateway = await startGateway(
    t,
    upstream([`http://127.0.0.1:${await closedPort()}`, good.url], { retries: { backoff: BACKOFF } }),
  )
  const request = httpRequest({ port: gateway.port, path: '/a/x', method: 'POST' })
  request.end('x'.repeat(100_000))
  const [response] = await once(request, 'response')
  assert.equal(response.statusCode, 200)
  response.resume()
  await once(response, 'end')
  assert.equal(good.received[0]!.body.length, 100_000)
})

test('the Retry-After of one target is nothing to another', async (t) => {
  const resting = await startBackend(t, (_request, response) => {
    response.writeHead(503, { 'retry-after': '3600' }).end()
  })
  const well = await startBackend(t)
  const gateway = await startGateway(
    t,
    upstream([resting.url, well.url], {
      retries: { on: [503], backoff: BACKOFF, budget: { percent: 100, minimum: 10 } },
    }),
  )
  for (let i = 0; i < 4; i++) assert.equal((await fetch(`${gateway.url}/a/x`)).status, 200)
  assert.ok(resting.received.length > 0)
})

test('a response that is no HTTP is the fault of its target', async (t) => {
  const answers = [
    'HTTP/1.1 1000 Odd\r\ncontent-length: 0\r\n\r\n',
    'HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
  ]
  for (const answer of answers) {
    const odd = await startRawBackend(t, (socket) => {
      socket.on('data', () => socket.write(answer))
    })
    const gateway = await startGateway(
      t,
      upstream([odd.url], { retries: false, circuitBreaker: { failures: 2, open: '1 hour' } }),
    )
    const got: number[] = []
    for (let i = 0; i < 3; i++) got.push((await fetch(`${gateway.url}/a/x`)).status)
    assert.deepEqual(got, [502, 502, 503], answer)
  }
})

test('a short time until the first byte is kept to', async (t) => {
  const slow = await startBackend(t, () => {})
  const gateway = await startGateway(t, upstream([slow.url], { retries: false, timeouts: { firstByte: 100 } }))
  const times: number[] = []
  for (let i = 0; i < 5; i++) {
    const begun = performance.now()
    assert.equal((await fetch(`${gateway.url}/a/x`)).status, 504)
    times.push(performance.now() - begun)
  }
  // undici by itself takes a second, each time
  assert.ok(Math.min(...times) < 800, `${times} ms`)
})
