import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { test, type TestContext } from 'node:test'
import type { ConfigInput } from '../../src/config/config-schema.ts'
import { startBackend, startRawBackend } from '../support/backend.ts'
import { eventually } from '../support/eventually.ts'
import { type Gateway, JWT_SECRET, startGateway } from '../support/gateway.ts'
import { rawRequest } from '../support/raw-client.ts'
import { inTime, isAlive, openWire, type Wire } from './wire.ts'

const NOTE = { type: 'object', properties: { text: { type: 'string' } } }

/**
 * A plain plugin with a body parser of Fastify's own, one that iterates over the stream, and one that reads nothing.
 */
const PLUGIN = `export default async (app) => {
  app.post('/plugin/collected', { config: { auth: 'none' } }, async (request) => ({ length: request.rawBody.length }))
  app.register(async (scope) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, text, done) => done(null, text))
    scope.post('/plugin/parsed', { config: { auth: 'none' } }, async (request) => ({ length: request.body.length }))
  })
  app.register(async (scope) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', (_request, payload, done) => done(null, payload))
    scope.post('/plugin/iterated', { config: { auth: 'none' } }, async (request) => {
      let length = 0
      for await (const chunk of request.body) length += chunk.length
      return { length }
    })
    scope.post('/plugin/listened', { config: { auth: 'none' } }, (request, reply) => {
      let length = 0
      request.body.on('data', (chunk) => { length += chunk.length }).on('end', () => reply.send({ length }))
    })
  })
}`

async function startAllWays(
  t: TestContext,
  url: string,
  upstream: object = {},
  config: ConfigInput = {},
): Promise<Gateway> {
  const gateway = await startGateway(
    t,
    {
      'declared.json': {
        name: 'declared',
        prefix: '/declared',
        auth: 'none',
        targets: [url],
        ...upstream,
        routes: [
          { method: 'POST', url: '/stream' },
          { method: 'POST', url: '/checked', schema: { body: NOTE } },
          { method: 'QUERY', url: '/query', cache: { methods: ['GET', 'QUERY'] } },
          { method: 'POST', url: '/small', bodyLimit: 10 },
          { method: 'POST', url: '/closed', auth: { jwt: {} } },
        ],
      },
      'pass.json': { name: 'pass', prefix: '/pass', auth: 'none', targets: [url], ...upstream, passThrough: true },
      'plugin.ts': PLUGIN,
    },
    {
      jwt: { secret: JWT_SECRET },
      cache: { purge: { path: '/purge', auth: 'none' } },
      ...config,
    },
  )
  // the tests say what time it is
  gateway.app.bodyClock.close()
  return gateway
}

const head = (target: string, framing: string, method = 'POST'): string =>
  `${method} ${target} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n${framing}\r\n\r\n`

const CHUNKED = head('/declared/stream', 'transfer-encoding: chunked')
const WHOLE = head('/declared/stream', 'content-length: 2') + '{}'

const later = ({ app }: Gateway, ms: number): void => app.bodyClock.sweep(performance.now() + ms)

/** Opens a connection, sends the start of a body, and waits until the gateway has seen it. */
async function stall(t: TestContext, gateway: Gateway, bytes: string): Promise<Wire> {
  const accepted = once(gateway.app.server, 'connection') as Promise<[Socket]>
  const wire = await openWire(t, gateway.port)
  const [socket] = await accepted
  wire.socket.write(bytes)
  await eventually('the body is watched', () => gateway.app.bodyClock.watches(socket))
  return wire
}

const READERS: readonly (readonly [target: string, method?: string])[] = [
  ['/declared/stream'],
  ['/declared/checked'],
  ['/declared/query', 'QUERY'],
  ['/pass/x'],
  ['/pass/x', 'PUT'],
  ['/purge'],
  ['/plugin/parsed'],
  ['/plugin/iterated'],
  ['/plugin/listened'],
]
const STALLS: readonly (readonly [name: string, framing: string, start: string])[] = [
  ['a length and one byte', 'content-length: 100', '{'],
  ['a length and no byte', 'content-length: 100', ''],
  ['chunks without an end', 'transfer-encoding: chunked', '1\r\n{\r\n'],
  ['chunked without a byte', 'transfer-encoding: chunked', ''],
  ['trailers without an end', 'transfer-encoding: chunked', '2\r\n{}\r\n0\r\nx-a: b\r\n'],
]

test('a body that stops is answered 408 after 30 s, and the connection closes', async (t) => {
  const backend = await startBackend(t)
  const gateway = await startAllWays(t, backend.url)
  for (const [target, method] of READERS) {
    for (const [name, framing, start] of STALLS) {
      await t.test(`${method ?? 'POST'} ${target}: ${name}`, async (t) => {
        const wire = await stall(t, gateway, head(target, framing, method) + start)
        later(gateway, 1000)
        later(gateway, 29_000)
        assert.equal(wire.text(), '')
        later(gateway, 32_000)
        const text = await inTime(wire.closed, 'the connection closes')
        assert.match(text, /^HTTP\/1\.1 408 /)
        assert.match(text, /GW_REQUEST_TIMEOUT/)
        assert.match(text, /connection: close/i)
      })
    }
  }
  assert.ok(await isAlive(gateway.port))
})

test('after an answer the rest of a body is waited for only as long', async (t) => {
  const gateway = await startAllWays(t, (await startBackend(t)).url)
  for (const [target, status] of [
    ['/declared/closed', 401],
    ['/nowhere', 404],
    ['/declared/small', 413],
  ] as const) {
    await t.test(`${target} is ${status}`, async (t) => {
      const wire = await stall(t, gateway, head(target, 'content-length: 100') + '{')
      await wire.until(new RegExp(`HTTP/1.1 ${status} `))
      later(gateway, 0)
      later(gateway, 31_000)
      await inTime(wire.closed, 'the connection closes')
      assert.doesNotMatch(wire.text(), /408/)
    })
  }
  await t.test('though bytes keep coming', async (t) => {
    const wire = await stall(t, gateway, head('/declared/closed', 'content-length: 100000000') + '{')
    await wire.until(/HTTP\/1.1 401 /)
    for (let ms = 0; ms <= 31_000; ms += 1000) {
      wire.socket.write('x'.repeat(2000))
      later(gateway, ms)
    }
    await inTime(wire.closed, 'the connection closes')
  })
})

test('a client that waits for 100 Continue is given time until it gets it', async (t) => {
  const gateway = await startAllWays(t, (await startBackend(t)).url)
  for (const target of ['/declared/stream', '/declared/checked', '/pass/x', '/purge']) {
    const wire = await stall(t, gateway, head(target, 'content-length: 100\r\nexpect: 100-continue'))
    await wire.until(/^HTTP\/1.1 100 /)
    later(gateway, 0)
    later(gateway, 31_000)
    assert.match(await inTime(wire.closed, 'the connection closes'), /HTTP\/1.1 408 /, target)
  }
  // without it, there is the answer
  const wire = await stall(t, gateway, head('/declared/closed', 'content-length: 100\r\nexpect: 100-continue'))
  await wire.until(/^HTTP\/1.1 401 /)
  later(gateway, 0)
  later(gateway, 31_000)
  await inTime(wire.closed, 'the connection closes')
})

test('a body slower than 1 KB a second over 60 s is answered 408, a faster one goes on', async (t) => {
  const gateway = await startAllWays(t, (await startBackend(t)).url)
  for (const [perSecond, isCut] of [
    [500, true],
    [1500, false],
  ] as const) {
    for (const target of ['/declared/stream', '/declared/checked', '/pass/x', '/plugin/parsed']) {
      await t.test(`${target}: ${perSecond} bytes a second`, async (t) => {
        const accepted = once(gateway.app.server, 'connection') as Promise<[Socket]>
        const wire = await stall(t, gateway, head(target, 'content-length: 500000') + '"')
        const [socket] = await accepted
        const start = socket.bytesRead
        for (let second = 1; second <= 125 && !/408/.test(wire.text()); second++) {
          wire.socket.write('x'.repeat(perSecond))
          await eventually(
            'the bytes have arrived',
            () => socket.destroyed || socket.bytesRead >= start + second * perSecond,
          )
          later(gateway, second * 1000)
        }
        if (isCut) assert.match(await inTime(wire.closed, 'the connection closes'), /^HTTP\/1.1 408 /)
        else assert.equal(wire.text(), '')
        wire.socket.destroy()
      })
    }
  }
})

test('stalled uploads do not keep the slots of an upstream', async (t) => {
  const backend = await startBackend(t)
  const gateway = await startAllWays(t, backend.url, { concurrency: { max: 2 } })
  const wires = [await stall(t, gateway, CHUNKED), await stall(t, gateway, CHUNKED)]
  assert.equal((await rawRequest(gateway.port, WHOLE)).status, 503)
  later(gateway, 0)
  later(gateway, 31_000)
  for (const wire of wires) assert.match(await wire.closed, /^HTTP\/1.1 408 /)
  assert.equal((await rawRequest(gateway.port, WHOLE)).status, 200)
})

test('the time during which an upstream takes a body slowly does not count', async (t) => {
  const backend = await startRawBackend(t, (socket) => {
    socket.pause()
  })
  const gateway = await startAllWays(t, backend.url)
  for (const target of ['/declared/stream', '/pass/x']) {
    const accepted = once(gateway.app.server, 'connection') as Promise<[Socket]>
    const wire = await openWire(t, gateway.port)
    const [socket] = await accepted
    wire.socket.write(head(target, 'content-length: 50000000'))
    wire.socket.write(Buffer.alloc(50_000_000))
    await eventually('the upstream holds the body up', () => socket.isPaused())
    for (let ms = 0; ms <= 200_000; ms += 10_000) later(gateway, ms)
    assert.equal(wire.text(), '', target)
    assert.ok(!socket.destroyed, target)
    wire.socket.destroy()
  }
})

test('other spellings of a stalled body', async (t) => {
  const gateway = await startAllWays(t, (await startBackend(t)).url)
  for (const [name, bytes] of Object.entries({
    'HTTP/1.0': 'POST /declared/stream HTTP/1.0\r\nhost: x\r\ncontent-length: 10\r\n\r\nx',
    'a GET': 'GET /pass/x HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nx',
    'a DELETE': 'DELETE /pass/x HTTP/1.1\r\nhost: x\r\nTransfer-Encoding: Chunked\r\n\r\n',
    'half of a chunk size': `${CHUNKED}f`,
    'a chunk extension': `${CHUNKED}1;a=`,
    'a body behind another request': `GET /livez HTTP/1.1\r\nhost: x\r\n\r\n${CHUNKED}`,
    'a body behind another body': WHOLE.repeat(2) + CHUNKED,
  })) {
    await t.test(name, async (t) => {
      const wire = await stall(t, gateway, bytes)
      await eventually(
        'the answers before',
        () => wire.text().split('HTTP/1.1 200').length === bytes.split('host').length - 1,
      )
      later(gateway, 0)
      later(gateway, 31_000)
      assert.match(await inTime(wire.closed, 'the connection closes'), /HTTP\/1.1 408 [^]*GW_REQUEST_TIMEOUT/)
    })
  }
})

test('a body is not timed where the configuration says 0', async (t) => {
  const gateway = await startAllWays(
    t,
    (await startBackend(t)).url,
    {},
    { listener: { bodyIdleTimeout: 0, minBodyRate: 0 } },
  )
  const wire = await stall(t, gateway, CHUNKED)
  for (let ms = 0; ms <= 200_000; ms += 10_000) later(gateway, ms)
  wire.socket.write('0\r\n\r\n')
  await inTime(wire.until(/^HTTP\/1.1 200 /), 'the answer')
})

test('a small body takes no slot of an upstream before it is complete', async (t) => {
  const backend = await startBackend(t)
  const gateway = await startAllWays(t, backend.url, { concurrency: { max: 1 } })
  for (const target of ['/declared/stream', '/declared/checked', '/pass/x']) {
    const wires: Wire[] = []
    for (let i = 0; i < 3; i++) wires.push(await stall(t, gateway, head(target, 'content-length: 100') + '{'))
    assert.equal((await rawRequest(gateway.port, WHOLE)).status, 200, target)
    for (const { socket } of wires) socket.destroy()
  }
})

test('collected bodies hold a bounded number of bytes in all, and give them back', async (t) => {
  const gateway = await startAllWays(t, (await startBackend(t)).url, {}, { bodyMemory: '100KiB' })
  const { bodyMemory } = gateway.app
  for (const target of ['/declared/checked', '/plugin/collected', '/purge']) {
    await t.test(target, async (t) => {
      // what waits for its rest
      const wires: Wire[] = []
      for (let i = 1; i <= 2; i++) {
        wires.push(await stall(t, gateway, `${head(target, 'content-length: 60000')}"${'x'.repeat(44_999)}`))
        await eventually('the bytes are held', () => bodyMemory.held === i * 45_000)
      }
      const refused = await rawRequest(gateway.port, `${head(target, 'content-length: 60000')}"${'x'.repeat(59_998)}"`)
      assert.equal(refused.status, 503)
      assert.equal(refused.headers['retry-after'], '1')
      assert.match(refused.body, /GW_TOO_MANY_BODIES/)
      // a small one that need not be collected streams
      assert.equal(
        (await rawRequest(gateway.port, `${head('/declared/stream', 'content-length: 20000')}${'x'.repeat(20_000)}`))
          .status,
        200,
      )
      for (const { socket } of wires) socket.destroy()
      await eventually('the bytes are given back', () => bodyMemory.held === 0)
    })
  }
  for (const target of ['/declared/checked', '/declared/stream', '/pass/x']) {
    assert.equal((await rawRequest(gateway.port, head(target, 'content-length: 2') + '{}')).status, 200)
    assert.equal((await rawRequest(gateway.port, head(target, 'content-length: 2') + '[}')).status < 500, true)
  }
  await eventually('answers give them back too', () => bodyMemory.held === 0)
})
