import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { ApiKeyScheme } from '../../src/auth/api-key/api-key-scheme.ts'
import { digestOf } from '../../src/auth/api-key/api-key-hash.ts'
import { BasicScheme } from '../../src/auth/basic/basic-scheme.ts'
import { hashPassword } from '../../src/auth/basic/password-hash.ts'
import { HttpSignatureScheme } from '../../src/auth/http-signature/http-signature-scheme.ts'
import { signToken } from '../../src/auth/jwt/dev-token.ts'
import { JwtScheme } from '../../src/auth/jwt/jwt-scheme.ts'
import { EncodedBodies } from '../../src/cache/encoded-bodies.ts'
import { MemoryStore } from '../../src/cache/memory-store.ts'
import { RedisCacheStore } from '../../src/cache/redis-cache-store.ts'
import { TieredStore } from '../../src/cache/tiered-store.ts'
import { FixedWindow } from '../../src/limits/fixed-window.ts'
import { MemoryStore as LimitMemory } from '../../src/limits/limit-store.ts'
import { RedisStore } from '../../src/limits/redis-limit-store.ts'
import { Attempt } from '../../src/upstream/attempt.ts'
import { AttemptLoop } from '../../src/upstream/attempt-loop.ts'
import { CachedRequest } from '../../src/proxy/cached/cached-request.ts'
import { CollapsedFetch } from '../../src/proxy/cached/collapsed-fetch.ts'
import { CompressionStage } from '../../src/proxy/compression-stage.ts'
import { StoreHandler } from '../../src/proxy/cached/store-handler.ts'
import { WaitingClient } from '../../src/proxy/cached/waiting-client.ts'
import { HedgeRace } from '../../src/upstream/hedge-race.ts'
import { Mirror } from '../../src/proxy/mirror.ts'
import { ReplyWriter } from '../../src/proxy/reply-writer.ts'
import { ResponseCache } from '../../src/proxy/cached/response-cache.ts'
import { ReplyHandler } from '../../src/proxy/reply-handler.ts'
import { RetryState } from '../../src/upstream/retry-state.ts'
import { TunnelHandler } from '../../src/proxy/tunnel.ts'
import { FrameBoundary } from '../../src/proxy/websocket-frames.ts'
import { TargetSelection } from '../../src/upstream/target-selection.ts'
import { Target } from '../../src/upstream/target.ts'
import { Upstream } from '../../src/upstream/upstream.ts'
import { SECRET, signedHeaders } from '../auth/http-signature/signer.ts'
import { needsRedis, startRedis, unhurried } from '../redis/redis-server.ts'
import { closedPort, startBackend } from '../support/backend.ts'
import type { ConfigInput } from '../../src/config/config-schema.ts'
import { JWT_SECRET, startGateway } from '../support/gateway.ts'
import { rawRequest, type RawResponse } from '../support/raw-client.ts'
import { isAlive, UPGRADE } from './wire.ts'

const API_KEY = 'a-key-of-tests-0123456789abcdef0123456789'
const jwt = { secret: JWT_SECRET, clockTolerance: 0, cacheSize: 0 }

/** What catches errors: it is trusted not to throw itself. */
const NET = new Set(['constructor', 'broken', 'broke', 'streamLateBody'])

/** A gateway that uses everything, and requests that go every way through it. */
async function start(t: TestContext, config: ConfigInput = {}) {
  const shadow = await startBackend(t)
  const respond: Parameters<typeof startBackend>[1] = (request, response) => {
    request.resume()
    response.on('error', () => {})
    const { pathname } = new URL(request.url!, 'http://x')
    if (pathname.startsWith('/failing')) response.writeHead(503).end()
    else if (pathname.startsWith('/stream')) {
      response.writeHead(200, { 'content-type': 'text/plain' })
      response.write('a'.repeat(100_000))
      setImmediate(() => response.end('b'))
    } else if (pathname.startsWith('/stale')) {
      if (request.headers['if-none-match'] === '"1"') {
        response.writeHead(304, { etag: '"1"', 'cache-control': 'max-age=0' }).end()
      } else response.writeHead(200, { etag: '"1"', 'cache-control': 'max-age=0' }).end('stale')
    } else if (pathname.startsWith('/cut')) {
      response.writeHead(200, { 'content-length': 100 })
      response.write('x')
      setImmediate(() => response.destroy())
    } else {
      response
        .writeHead(200, { 'content-type': 'application/json', 'cache-control': 'max-age=60' })
        .end(`{"text":"${'z'.repeat(2000)}"}`)
    }
  }
  const backends = [await startBackend(t, respond), await startBackend(t, respond)]
  for (const { server } of backends) {
    server.on('upgrade', (_request, socket) => {
      socket.on('error', () => {})
      socket.on('end', () => socket.end())
      socket.resume()
      socket.write(
        'HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n',
      )
      setImmediate(() => socket.write(Buffer.from([0x81, 2, 0x68, 0x69])))
    })
  }
  const base = { auth: 'none', targets: backends.map(({ url }) => url) }
  const limit = { max: 1_000_000, window: '1 hour' }
  const gateway = await startGateway(
    t,
    {
      'plain.json': {
        ...base,
        name: 'plain',
        prefix: '/plain',
        stripPrefix: true,
        passThrough: { websocket: true },
        mirror: { targets: [shadow.url] },
        hedging: { after: '1ms' },
        retries: { attempts: 1, on: ['connect', 503] },
      },
      'cached.json': {
        ...base,
        name: 'cached',
        prefix: '/cached',
        stripPrefix: true,
        cache: { methods: ['GET', 'HEAD', 'QUERY'] },
        compress: true,
        clientCache: { etag: true },
        routes: [
          { method: ['QUERY', 'POST'], url: '/*' },
          { method: 'GET', url: '/*' },
        ],
      },
      'guarded.json': {
        ...base,
        name: 'guarded',
        prefix: '/guarded',
        stripPrefix: true,
        rateLimit: [limit, { ...limit, by: 'address' }],
        concurrency: { max: 1000 },
        routes: ['jwt', 'basic', 'apiKey', 'signature'].map((scheme) => ({
          method: 'GET',
          url: `/${scheme}`,
          auth: { [scheme]: {} },
        })),
      },
    },
    {
      jwt: { secret: JWT_SECRET },
      basic: { users: [{ name: 'ada', password: await hashPassword('secret') }] },
      apiKeys: { keys: [{ name: 'ada', sha256: digestOf(API_KEY).toString('hex') }] },
      signatures: { keys: [{ keyid: 'k1', consumer: 'ada', secret: SECRET }] },
      ...config,
    } as ConfigInput,
  )
  let turn = 0
  const get = (path: string, more = '', method = 'GET'): string =>
    `${method} ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n${more}\r\n`
  /** Every kind of request once, each for a URL of its own. */
  const requests = (): string[] => {
    const x = `?x=${turn++}`
    const signed = signedHeaders({ path: `/guarded/signature${x}`, host: 'x' })
    return [
      get(`/plain/small${x}`),
      get(`/plain/stream${x}`),
      get(`/plain/failing${x}`),
      get(`/plain/cut${x}`),
      `POST /plain/small${x} HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc`,
      `POST /plain/small${x} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`,
      `GET /plain/socket${x} HTTP/1.1\r\nhost: x\r\n${UPGRADE}\r\n`,
      get(`/cached/small${x}`, 'accept-encoding: gzip\r\n'),
      get(`/cached/small${x}`, 'accept-encoding: gzip\r\n'),
      get(`/cached/small${x}`, 'range: bytes=0-1\r\n'),
      get(`/cached/stale${x}`),
      get(`/cached/stale${x}`),
      // stored since the first round, and validated each time
      get('/cached/stale'),
      get(`/cached/stream${x}`, 'accept-encoding: br\r\n'),
      get(`/cached/cut${x}`),
      get(`/cached/failing${x}`),
      `QUERY /cached/small${x} HTTP/1.1\r\nhost: x\r\ncontent-type: text/plain\r\ncontent-length: 3\r\n\r\nabc`,
      `POST /cached/small${x} HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n`,
      get(`/guarded/jwt${x}`, `authorization: Bearer ${signToken(jwt, { sub: 'ada', scopes: [] })}\r\n`),
      get(`/guarded/basic${x}`, `authorization: Basic ${Buffer.from('ada:secret').toString('base64')}\r\n`),
      get(`/guarded/apiKey${x}`, `x-api-key: ${API_KEY}\r\n`),
      get(
        `/guarded/signature${x}`,
        Object.entries(signed)
          .map(([name, value]) => `${name}: ${value}\r\n`)
          .join(''),
      ),
    ]
  }
  return { ...gateway, requests }
}

/** Has each method of the classes throw in turn, while every kind of request is made. */
async function throwInTurn(
  t: TestContext,
  classes: Record<string, { prototype: object }>,
  { port, requests }: Awaited<ReturnType<typeof start>>,
): Promise<void> {
  const never: string[] = []
  for (const [name, { prototype }] of Object.entries(classes)) {
    for (const [method, { value }] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
      if (typeof value !== 'function' || NET.has(method)) continue
      let thrown = 0
      const mock = t.mock.method(prototype as Record<string, () => void>, method, () => {
        thrown++
        throw new Error(`thrown by ${name}.${method}`)
      })
      const what = `${name}.${method}`
      const answers = await Promise.all(
        requests().map(
          async (bytes) =>
            [bytes, await rawRequest(port, bytes, { timeoutMs: 60_000 }).catch((error: Error) => error)] as const,
        ),
      )
      mock.mock.restore()
      for (const [bytes, answer] of answers) {
        const line = `${what}: ${bytes.split('\r\n', 1)[0]}`
        assert.ok(!(answer instanceof Error), `${line}: ${(answer as Error).message}`)
        const { status, headers, body } = answer as RawResponse
        if (status !== 500) continue
        assert.equal(headers['content-type'], 'application/problem+json; charset=utf-8', line)
        assert.equal(JSON.parse(body).code, 'GW_INTERNAL', line)
        assert.ok(!body.includes('thrown by'), `${line}: the client sees the reason`)
      }
      if (thrown === 0) never.push(what)
      assert.ok(await isAlive(port), what)
    }
  }
  const after = await Promise.all(requests().map((bytes) => rawRequest(port, bytes)))
  assert.deepEqual(
    after.map(({ status }) => status).filter((status) => status === 500),
    [],
    'nothing is left behind',
  )
  t.diagnostic(`never called, so that nothing was thrown: ${never.join(', ') || 'none'}`)
}

test('what any part of an exchange throws is answered, and ends nothing else', async (t) => {
  const gateway = await start(t)
  await throwInTurn(
    t,
    {
      Attempt,
      AttemptLoop,
      CachedRequest,
      CollapsedFetch,
      CompressionStage,
      StoreHandler,
      WaitingClient,
      HedgeRace,
      Mirror,
      ReplyWriter,
      ReplyHandler,
      RetryState,
      TunnelHandler,
      FrameBoundary,
    },
    gateway,
  )
})

test('what targets, stores, limits and schemes throw is answered, and ends nothing else', async (t) => {
  const gateway = await start(t)
  await throwInTurn(
    t,
    {
      Target,
      TargetSelection,
      Upstream,
      EncodedBodies,
      MemoryStore,
      ResponseCache,
      FixedWindow,
      LimitMemory,
      ApiKeyScheme,
      BasicScheme,
      HttpSignatureScheme,
      JwtScheme,
    },
    gateway,
  )
})

test('what the stores in Redis throw is answered, and ends nothing else', needsRedis, async (t) => {
  const port = await closedPort()
  await startRedis(t, port)
  unhurried(t)
  const gateway = await start(t, { redis: `redis://127.0.0.1:${port}`, cache: { redis: true } } as ConfigInput)
  await throwInTurn(t, { RedisCacheStore, TieredStore, RedisStore }, gateway)
})
