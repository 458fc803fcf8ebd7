import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { globSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { FastifyRequest } from 'fastify'
import { buildApp } from '../src/app.ts'
import { signToken } from '../src/auth/jwt/dev-token.ts'
import type { ConfigInput } from '../src/config/config-schema.ts'
import { PHASES } from '../src/phases.ts'
import { SECRET, send, signedHeaders } from './auth/http-signature/signer.ts'
import { UPGRADE } from './security/wire.ts'
import { apiConfig } from './support/api-gateway.ts'
import { startBackend } from './support/backend.ts'
import { eventually } from './support/eventually.ts'
import { JWT_SECRET, listening } from './support/gateway.ts'
import { rawRequest } from './support/raw-client.ts'

/**
 * Real requests through a gateway with every phase in use. The gateway reports the phases that run, since somebody is
 * subscribed while it starts; the plugin in `own.mjs` reports its hooks over the same channel.
 */

const CHANNEL = 'gatehouse:phase'
/** Phases that have a place in the table and no plugin yet. */
const RESERVED = ['trace', 'inspection', 'metrics']
const ID = 'x-request-id'
/** The answer to `UPGRADE` (RFC 6455, section 1.3). */
const SWITCHING =
  'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
  'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n'

const document = {
  openapi: '3.1.0',
  info: { title: 'Shop', version: '1' },
  paths: {
    '/signed': {
      post: {
        operationId: 'sign',
        requestBody: { content: { 'application/json': { schema: { type: 'object', required: ['n'] } } } },
        responses: { 200: { description: 'fine' } },
      },
    },
  },
}

const limits = [
  { max: 1000, window: '1 minute', by: 'address' },
  { max: 1000, window: '1 minute', by: 'consumer' },
]

const files = (target: string): Record<string, unknown> => ({
  'a.json': {
    name: 'a',
    prefix: '/a',
    targets: [target],
    auth: { jwt: {} },
    rateLimit: limits,
    cache: true,
    clientCache: { privacy: 'private', maxAge: '1 minute' },
    routes: [
      {
        method: 'GET',
        url: '/items/:id',
        schema: { params: { type: 'object', properties: { id: { type: 'integer' } } } },
      },
      { method: 'POST', url: '/items', bodyLimit: '1KiB', schema: { body: { type: 'object' } } },
      { method: 'GET', url: '/slow' },
      { method: 'GET', url: '/live', websocket: true },
    ],
  },
  'shop.json': {
    name: 'shop',
    prefix: '/shop',
    targets: [target],
    auth: { signature: {} },
    openapi: 'shop.json',
    requestValidation: 'enforce',
  },
  // the spelling `/Open` of `/open` must not get round the authentication of that route
  'open.json': { name: 'open', prefix: '/open', targets: [target], auth: 'none', passThrough: true },
  'closed.json': {
    name: 'closed',
    prefix: '/open/closed',
    targets: [target],
    auth: { jwt: {} },
    routes: [{ method: 'GET', url: '/' }],
  },
  'own.mjs': `
    import { channel } from 'node:diagnostics_channel'
    const report = (phase) => (request, reply, ...rest) => {
      channel('${CHANNEL}').publish({ phase, request })
      rest.at(-1)(null, rest.at(-2))
    }
    export default async function own(app) {
      for (const point of ['onRequest', 'preParsing', 'preValidation', 'preHandler', 'onSend', 'onResponse']) {
        app.addHook(point, report(point + ' of the scope'))
      }
      const limit = ${JSON.stringify(limits)}
      app.post('/own', {
        config: { auth: { jwt: {} }, limit, compress: true, clientCache: { privacy: 'private', maxAge: '1 minute' } },
        onRequest: report('ownHooks'),
        preParsing: report('preParsing of the route'),
        preValidation: report('preValidation of the route'),
        preHandler: report('preHandler of the route'),
        onSend: report('onSend of the route'),
        onResponse: report('onResponse of the route'),
      }, () => 'x')
    }`,
})

const config: ConfigInput = {
  log: { level: 'silent', access: true },
  jwt: { secret: JWT_SECRET, token: { cookie: 'session' } },
  signatures: { keys: [{ keyid: 'k1', consumer: 'ada', secret: SECRET }] },
  cors: { origins: ['https://page.test'] },
  securityHeaders: true,
  compress: true,
  status: { auth: 'none' },
} as ConfigInput

test('the phases of a request run in the order of the table', async (t) => {
  const runs = new Map<string, string[]>()
  const note = (message: unknown): void => {
    const { phase, request } = message as { phase: string; request: FastifyRequest }
    runs.set(request.id, [...(runs.get(request.id) ?? []), phase])
  }
  const seen = new Set<string>()
  subscribe(CHANNEL, note)
  t.after(() => unsubscribe(CHANNEL, note))
  const { url, server } = await startBackend(t, (request, response) => {
    if (request.url === '/a/slow') return
    request.resume().on('end', () => response.setHeader('content-type', 'application/json').end('{"n":1}'))
  })
  server.on('upgrade', (_request, socket) => {
    socket.on('error', () => {})
    socket.write(SWITCHING)
  })
  const { port } = await listening(t, await buildApp(await apiConfig(t, files(url), { 'shop.json': document }, config)))

  const token = signToken({ secret: JWT_SECRET } as never, { sub: 'ada', scopes: [], expiresIn: '1h' })
  const bearer = `Authorization: Bearer ${token}\r\n`
  const host = 'Host: gateway.test\r\n'

  /** What ran for a request once it is over. */
  const phasesOf = (id: string): Promise<string[]> =>
    eventually(`the end of the request ${id}`, () => {
      const run = runs.get(id) ?? []
      return run.includes('accessLog') || run.includes('abortLog') ? run : null
    })
  /** Sends bytes and checks the status and what ran. */
  const check = async (bytes: string, status: number, expected: readonly string[]): Promise<void> => {
    const answer = await rawRequest(port, bytes)
    assert.equal(answer.status, status, answer.text)
    const run = await phasesOf(answer.headers[ID]!)
    assert.deepEqual(run, expected)
    assertTableOrder(run)
  }
  const assertTableOrder = (run: readonly string[]): void => {
    const table = PHASES.map(({ name }) => name as string)
    const ours = run.filter((name) => table.includes(name))
    assert.deepEqual(
      ours,
      table.filter((name) => ours.includes(name)),
    )
    for (const name of ours) seen.add(name)
  }

  const EVERY_REQUEST = ['requestId', 'logStart', 'edge']
  const BROWSER = ['securityHeaders', 'cors']
  const ADMISSION = ['addressLimits', 'authentication', 'forgery', 'consumerLimits']

  await t.test('a GET with JWT, limits, a schema and a cache; then a hit', async () => {
    const get = `GET /a/items/1 HTTP/1.1\r\n${host}${bearer}\r\n`
    const expected = [
      ...EVERY_REQUEST,
      ...BROWSER,
      ...ADMISSION,
      'bodyType',
      'validation',
      'handler',
      'clientCache',
      'compression',
      'accessLog',
    ]
    await check(get, 200, expected)
    await check(get, 200, expected)
  })

  await t.test('a GET that is refused stops where it is refused', async () => {
    const answer = ['clientCache', 'compression', 'accessLog']
    await check(`GET /a/items/1 HTTP/1.1\r\n${host}\r\n`, 401, [
      ...EVERY_REQUEST,
      ...BROWSER,
      'addressLimits',
      'authentication',
      ...answer,
    ])
    await check(`GET /a/items/x HTTP/1.1\r\n${host}${bearer}\r\n`, 400, [
      ...EVERY_REQUEST,
      ...BROWSER,
      ...ADMISSION,
      'bodyType',
      'validation',
      ...answer,
    ])
  })

  await t.test('a 404 and a path that is no URL', async () => {
    await check(`GET /nowhere HTTP/1.1\r\n${host}\r\n`, 404, [...EVERY_REQUEST, 'accessLog'])
    await check(`GET /%zz HTTP/1.1\r\n${host}\r\n`, 400, [...EVERY_REQUEST, 'handler', 'accessLog'])
  })

  await t.test('a body that is too large', async () => {
    const post = `POST /a/items HTTP/1.1\r\n${host}${bearer}Content-Type: application/json\r\nContent-Length: 2000\r\n\r\n`
    await check(post + ' '.repeat(2000), 413, [
      ...EVERY_REQUEST,
      ...BROWSER,
      ...ADMISSION,
      'clientCache',
      'compression',
      'accessLog',
    ])
  })

  await t.test('an upgrade to a WebSocket, after which no phase of an HTTP answer runs', async () => {
    const answer = await rawRequest(port, `GET /a/live HTTP/1.1\r\n${host}${bearer}${UPGRADE}\r\n`)
    assert.equal(answer.status, 101, answer.text)
    const run = runs.get(answer.headers[ID]!)!
    assert.deepEqual(run, [...EVERY_REQUEST, ...BROWSER, ...ADMISSION, 'bodyType', 'handler'])
    assertTableOrder(run)
  })

  await t.test('a CORS preflight', async () => {
    const preflight = 'Origin: https://page.test\r\nAccess-Control-Request-Method: GET\r\n'
    await check(`OPTIONS /a/items/1 HTTP/1.1\r\n${host}${preflight}\r\n`, 204, [...EVERY_REQUEST, 'accessLog'])
  })

  await t.test('a signed request that an API document describes', async () => {
    const path = '/shop/signed'
    const body = '{"n":1}'
    const headers = signedHeaders({ path, host: `127.0.0.1:${port}`, body, method: 'POST' })
    const sent = await send(`http://127.0.0.1:${port}${path}`, {
      method: 'POST',
      pieces: [body],
      headers: { ...headers, 'content-type': 'application/json', 'content-length': String(body.length) },
    })
    assert.equal(sent.status, 200)
    const run = await phasesOf([...runs.keys()].at(-1)!)
    assert.deepEqual(run, [
      ...EVERY_REQUEST,
      ...BROWSER,
      'authentication',
      'signedBody',
      'operationValidation',
      'handler',
      'driftAnswer',
      'compression',
      'accessLog',
      'drift',
    ])
    assertTableOrder(run)
  })

  await t.test('a request whose client goes away', async () => {
    const known = new Set(runs.keys())
    const socket = connect(port, '127.0.0.1', () => socket.write(`GET /a/slow HTTP/1.1\r\n${host}${bearer}\r\n`))
    const id = await eventually('the request', () =>
      [...runs.keys()].find((key) => !known.has(key) && runs.get(key)!.includes('handler')),
    )
    socket.destroy()
    const run = await phasesOf(id)
    assert.equal(run.at(-1), 'abortLog')
    assertTableOrder(run)
  })

  await t.test('the hooks of a hand-written plugin, of its scope and of its route', async () => {
    const post = `POST /own HTTP/1.1\r\n${host}${bearer}Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`
    await check(post, 200, [
      ...EVERY_REQUEST,
      'onRequest of the scope',
      ...BROWSER,
      'addressLimits',
      'ownHooks',
      'authentication',
      'forgery',
      'consumerLimits',
      'admission',
      'preParsing of the scope',
      'preParsing of the route',
      'preValidation of the scope',
      'preValidation of the route',
      'preHandler of the scope',
      'preHandler of the route',
      'handler',
      'onSend of the scope',
      'onSend of the route',
      'clientCache',
      'compression',
      'accessLog',
      'onResponse of the scope',
      'onResponse of the route',
    ])
  })

  await t.test('a spelling that another route would refuse', async () => {
    await check(`GET /open/Closed HTTP/1.1\r\n${host}\r\n`, 404, [
      ...EVERY_REQUEST,
      ...BROWSER,
      'bodyType',
      'contractGuard',
      'compression',
      'accessLog',
    ])
  })

  await t.test('every phase of the table has run, except those without a plugin', () => {
    assert.deepEqual(
      PHASES.map(({ name }) => name).filter((name) => !seen.has(name)),
      RESERVED,
    )
  })
})

test('phases of every request come before phases of routes at the same point of the lifecycle', () => {
  for (const [index, { name, point, of }] of PHASES.entries()) {
    if (of !== 'request') continue
    const earlier = PHASES.slice(0, index).find((phase) => phase.point === point && phase.of !== 'request')
    assert.equal(earlier, undefined, `${name} runs before ${earlier?.name}, whatever the table says`)
  }
})

test('plugins run their hooks in phases of the table, and change no arrays of hooks', () => {
  const root = fileURLToPath(new URL('..', import.meta.url))
  for (const file of globSync('plugins/**/*.ts', { cwd: root })) {
    const text = readFileSync(join(root, file), 'utf8')
    // a scope of its own has only routes of the plugin
    assert.doesNotMatch(text, /\bapp\.addHook\('(?:onRequest|pre[A-Z]\w+|onSend|onResponse|onRequestAbort)'/, file)
    assert.doesNotMatch(text, /\broute\.(?:onRequest|pre[A-Z]\w+|onSend|onResponse) = /, file)
  }
})
