import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { audienceOf } from '../../src/cache/storing-rules.ts'
import { get } from '../security/wire.ts'
import { startBackend, startRawBackend } from '../support/backend.ts'
import { startGateway } from '../support/gateway.ts'
import { rawRequest } from '../support/raw-client.ts'

const BODY = 'what an application says'

/** A service that answers every request with the status in its path. */
const startOdd = (t: TestContext, more = '') =>
  startRawBackend(t, (socket) => {
    socket.on('data', (chunk) => {
      const status = /^\S+ \S*\/(\d{3})/.exec(chunk.toString('latin1'))![1]!
      socket.write(
        `HTTP/1.1 ${status} Odd\r\nx-odd: yes\r\n${more}content-length: ${BODY.length}\r\n\r\n${chunk.toString('latin1').startsWith('HEAD') ? '' : BODY}`,
      )
    })
  })

test('a status from 600 to 999 reaches the client as it came, in every way of forwarding', async (t) => {
  const odd = await startOdd(t)
  const upstream = (name: string, more: object) => ({
    [`${name}.json`]: { name, prefix: `/${name}`, auth: 'none', targets: [odd.url], ...more },
  })
  const { port } = await startGateway(t, {
    ...upstream('pass', { passThrough: true }),
    ...upstream('declared', { routes: [{ method: 'GET', url: '/*' }] }),
    ...upstream('cached', { routes: [{ method: 'GET', url: '/*', cache: true }] }),
    ...upstream('cached-pass', { passThrough: true, cache: true }),
    ...upstream('compressed', { passThrough: true, compress: true }),
  })
  for (const way of ['pass', 'declared', 'cached', 'cached-pass', 'compressed']) {
    for (const status of [600, 604, 742, 999]) {
      const response = await rawRequest(port, get(`/${way}/${status}`))
      assert.deepEqual([response.status, response.headers['x-odd'], response.body], [status, 'yes', BODY], way)
      const head = await rawRequest(port, `HEAD /${way}/${status} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`)
      assert.deepEqual([head.status, head.body], [status, ''], `HEAD ${way}`)
    }
  }
})

test('such an answer is never stored, whatever it says', async (t) => {
  const odd = await startOdd(t, 'cache-control: public, max-age=3600\r\n')
  let asked = 0
  const counting = await startBackend(t, (_request, response) => {
    asked++
    response.writeHead(600, { 'cache-control': 'public, max-age=3600, must-understand' }).end(BODY)
  })
  const { port } = await startGateway(t, {
    'a.json': {
      name: 'a',
      prefix: '/a',
      auth: 'none',
      targets: [counting.url],
      passThrough: true,
      cache: { ttl: '1 hour' },
    },
    'b.json': { name: 'b', prefix: '/b', auth: 'none', targets: [odd.url], passThrough: true, cache: true },
  })
  for (let i = 1; i <= 3; i++) {
    assert.equal((await rawRequest(port, get('/a/x'))).status, 600)
    assert.equal(asked, i)
  }
  for (let i = 0; i < 2; i++) assert.match((await rawRequest(port, get('/b/700'))).headers['cache-status']!, /fwd=/)
  const anything = { directives: new Map(), isAuthenticated: false, hasCookies: false, hasOwner: false }
  for (const status of [600, 999]) {
    assert.equal(
      audienceOf(anything, status, {}, { directives: new Map([['public', '']]) } as never, {
        hasTtl: true,
        sharesCookies: true,
      }),
      'none',
    )
  }
})

test('it counts as a failure of the target like a 500: retried, ejected, replaced, a reason for a stale answer', async (t) => {
  const odd = await startRawBackend(t, (socket) => {
    socket.on('data', () => socket.write('HTTP/1.1 666 Odd\r\ncontent-length: 0\r\n\r\n'))
  })
  const good = await startBackend(t, (_request, response) =>
    response.setHeader('cache-control', 'max-age=0, stale-if-error=60').end('good'),
  )
  let fails = false
  const changing = await startBackend(t, (_request, response) => {
    if (fails) response.writeHead(600).end()
    else response.setHeader('cache-control', 'max-age=0, stale-if-error=60').end('good')
  })
  const upstream = (name: string, targets: string[], more: object) => ({
    [`${name}.json`]: { name, prefix: `/${name}`, auth: 'none', targets, passThrough: true, ...more },
  })
  const { port } = await startGateway(t, {
    ...upstream('retried', [odd.url, good.url], { retries: { on: ['5xx'], budget: { percent: 100, minimum: 10 } } }),
    ...upstream('broken', [odd.url], { retries: false, circuitBreaker: { failures: 2, on: ['5xx'], open: '1 hour' } }),
    ...upstream('stale', [changing.url], { cache: true }),
  })
  const status = async (path: string): Promise<number> => (await rawRequest(port, get(path))).status
  for (let i = 0; i < 4; i++) assert.equal(await status('/retried/x'), 200)
  assert.deepEqual([await status('/broken/x'), await status('/broken/x'), await status('/broken/x')], [666, 666, 503])
  assert.equal(await status('/stale/x'), 200)
  fails = true
  assert.equal(await status('/stale/x'), 200)
})

test('a status that is none, or not final, is handled as before', async (t) => {
  const odd = await startRawBackend(t, (socket) => {
    socket.on('data', (chunk) =>
      socket.write(`HTTP/1.1 ${/\/(\S+) HTTP/.exec(chunk.toString('latin1'))![1]} Odd\r\ncontent-length: 0\r\n\r\n`),
    )
  })
  const { port } = await startGateway(t, {
    'a.json': { name: 'a', auth: 'none', targets: [odd.url], passThrough: true, timeouts: { firstByte: '1s' } },
  })
  for (const status of ['1000', '60', 'abc', '101']) {
    assert.ok([502, 504].includes((await rawRequest(port, get(`/${status}`))).status), status)
  }
})

test('labels of metrics stay few, whatever statuses a service answers with', async (t) => {
  const odd = await startOdd(t, 'content-type: application/json\r\n')
  const { port, app } = await startGateway(t, {
    'a.json': {
      name: 'a',
      prefix: '/a',
      auth: 'none',
      targets: [odd.url],
      routes: [
        {
          method: 'GET',
          url: '/*',
          schema: { response: { default: { type: 'integer' } } },
          responseValidation: 'report',
        },
      ],
    },
  })
  for (let status = 600; status < 620; status++) {
    assert.equal((await rawRequest(port, get(`/a/${status}`))).status, status)
  }
  assert.deepEqual(
    [...app.metrics.responseViolations].map(({ labels, value }) => [labels.status, value]),
    [['other', 20]],
  )
})
