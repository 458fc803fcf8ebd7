import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { test, type TestContext } from 'node:test'
import { WebSocket, WebSocketServer } from 'ws'
import { signToken } from '../../../src/auth/jwt/dev-token.ts'
import type { ConfigInput } from '../../../src/config/config-schema.ts'
import { startBackend } from '../../support/backend.ts'
import { JWT_SECRET, startGateway } from '../../support/gateway.ts'

const jwt = { secret: JWT_SECRET, clockTolerance: 0, cacheSize: 100 }
const as = (sub: string, claims: object = {}) => ({
  authorization: `Bearer ${signToken(jwt, { sub, claims } as never)}`,
})

async function start(
  t: TestContext,
  upstream: object,
  config: ConfigInput = {},
  respond?: Parameters<typeof startBackend>[1],
) {
  const backend = await startBackend(t, respond)
  const gateway = await startGateway(
    t,
    { 'a.json': { name: 'a', auth: { jwt: {} }, targets: [backend.url], ...upstream } },
    { jwt, ...config },
  )
  const ask = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
    fetch(gateway.url + path, { method, headers })
  const statuses = async (path: string, headers: Record<string, string>, count: number, method = 'GET') => {
    const seen: number[] = []
    for (let i = 0; i < count; i++) seen.push((await ask(path, headers, method)).status)
    return seen
  }
  return { ...gateway, backend, ask, statuses }
}
const route = (url: string, more: object = {}) => ({ method: 'GET', url, ...more })

test('by address before authentication: guessing tokens is limited, and answered 429 without looking at them', async (t) => {
  const { statuses, ask } = await start(
    t,
    {
      routes: [
        route('/x', {
          rateLimit: [
            { max: 3, window: '1h', by: 'address' },
            { max: 100, window: '1h' },
          ],
        }),
      ],
    },
    { failedAttempts: false },
  )
  assert.deepEqual(await statuses('/x', { authorization: 'Bearer a.b.c' }, 4), [401, 401, 401, 429])
  const refused = await ask('/x', as('ada'))
  assert.equal(refused.status, 429, 'a good token does not help')
  assert.equal(
    refused.headers.get('ratelimit-policy'),
    '"route:a:GET /x";q=3;w=3600',
    'what comes after has not been asked',
  )
})

test('of limits before and after authentication the tightest is told', async (t) => {
  const { ask } = await start(t, {
    routes: [
      route('/x', {
        rateLimit: [
          { max: 100, window: '1h', by: 'address' },
          { max: 10, window: '1h' },
        ],
      }),
      route('/y', {
        rateLimit: [
          { max: 2, window: '1h', by: 'address' },
          { max: 100, window: '1h' },
        ],
      }),
    ],
  })
  for (const [path, tightest] of [
    ['/x', /^"route:a:GET \/x #2";r=9;/],
    ['/y', /^"route:a:GET \/y";r=1;/],
  ] as const) {
    const { headers } = await ask(path, as('ada'))
    assert.match(headers.get('ratelimit')!, tightest)
    assert.equal(headers.get('ratelimit-policy')!.split(', ').length, 2)
  }
})

test('an address limit that exempts consumers waits until it knows them', async (t) => {
  const { statuses } = await start(t, {
    routes: [route('/x', { rateLimit: { max: 1, window: '1h', by: 'address', except: { consumers: ['monitor'] } } })],
  })
  assert.deepEqual(await statuses('/x', as('monitor'), 3), [200, 200, 200])
  assert.deepEqual(await statuses('/x', as('ada'), 2), [200, 429])
})

test('who is exempt is neither counted nor told of a limit', async (t) => {
  const { ask } = await start(t, {
    auth: 'none',
    rateLimit: { max: 1, window: '1h', except: { addresses: ['127.0.0.0/8'] } },
    routes: [route('/x')],
  })
  for (let i = 0; i < 3; i++) {
    const { status, headers } = await ask('/x')
    assert.deepEqual([status, headers.get('ratelimit'), headers.get('ratelimit-policy')], [200, null, null])
  }
})

test('by group, by route, by header', async (t) => {
  const { statuses } = await start(
    t,
    {
      routes: [
        route('/group', { rateLimit: { max: 2, window: '1h', by: 'group' } }),
        route('/header', { auth: 'none', rateLimit: { max: 1, window: '1h', by: { header: 'X-Tenant' } } }),
        route('/one', { auth: 'none' }),
        route('/two', { auth: 'none' }),
      ],
      rateLimit: { max: 1, window: '1h', by: 'route' },
    },
    { consumers: { ada: { groups: ['staff'] }, grace: { groups: ['staff'] } } },
  )
  assert.deepEqual(
    [
      ...(await statuses('/group', as('ada'), 1)),
      ...(await statuses('/group', as('grace'), 2)),
      ...(await statuses('/group', as('eve'), 1)),
    ],
    [200, 200, 429, 200],
  )
  assert.deepEqual(
    [...(await statuses('/header', { 'x-tenant': 'a' }, 2)), ...(await statuses('/header', { 'x-tenant': 'b' }, 1))],
    [200, 429, 200],
  )
  assert.deepEqual([...(await statuses('/one', {}, 2)), ...(await statuses('/two', {}, 1))], [200, 429, 200])
})

test('by a function, in TypeScript files; one that throws lets nobody through', async (t) => {
  const { url } = await startGateway(t, {
    'p.mjs': `export default async (app) => {
      app.get('/p', { config: { auth: 'none', limit: { max: 1, window: '1m', by: (request) => request.query.tenant } } }, () => ({ ok: true }))
      app.get('/broken', { config: { auth: 'none', limit: { max: 1, window: '1m', by: () => { throw new Error('oh') } } } }, () => ({ ok: true }))
    }`,
  })
  const statuses = []
  for (const path of ['/p?tenant=a', '/p?tenant=a', '/p?tenant=b', '/broken']) {
    statuses.push((await fetch(url + path)).status)
  }
  assert.deepEqual(statuses, [200, 429, 200, 500])
})

test('a route costs more than another, or by method', async (t) => {
  const { statuses } = await start(t, {
    rateLimit: { max: 10, window: '1h' },
    cost: { POST: 4 },
    routes: [route('/x', { method: ['GET', 'POST'] }), route('/report', { cost: 9 })],
  })
  assert.deepEqual(
    [...(await statuses('/x', as('ada'), 3, 'POST')), ...(await statuses('/x', as('ada'), 3))],
    [200, 200, 429, 200, 200, 429],
  )
  assert.deepEqual(
    [...(await statuses('/report', as('eve'), 2)), ...(await statuses('/x', as('eve'), 2))],
    [200, 429, 200, 429],
  )
})

test('a route that costs more than a limit ever allows stops the boot', async (t) => {
  await assert.rejects(
    start(t, { rateLimit: { max: 5, window: '1h' }, routes: [route('/x', { cost: 6 })] }),
    /^BootProblems: \S+a\.json: cost: found 6, which the limit "upstream:a" never allows: it is 5 at most/,
  )
})

test('plans: from the configuration, from a claim, by default; own limits win', async (t) => {
  const limits = (max: number) => ({ limits: [{ max, window: '1h' }] })
  const { ask, statuses } = await start(
    t,
    {
      rateLimit: { max: 50, window: '1h' },
      routes: [
        route('/x'),
        route('/open', { auth: 'none' }),
        route('/free', { rateLimit: false }),
        route('/some', { auth: { optional: { jwt: {} } } }),
      ],
    },
    {
      plans: { free: limits(2) as never, pro: limits(4) as never },
      consumers: { ada: { plan: 'pro' }, grace: { plan: 'pro', limits: [{ max: 1, window: '1h' }] } },
      planClaim: 'org.plan',
      defaultPlan: 'free',
    },
  )
  const first = await ask('/x', as('ada'))
  assert.equal(first.headers.get('ratelimit-policy'), '"upstream:a";q=50;w=3600, "plan:pro";q=4;w=3600')
  assert.match(first.headers.get('ratelimit')!, /^"plan:pro";r=3/)
  assert.deepEqual(await statuses('/x', as('ada'), 4), [200, 200, 200, 429])
  assert.deepEqual(await statuses('/x', as('grace'), 2), [200, 429])
  assert.deepEqual(await statuses('/x', as('eve'), 3), [200, 200, 429], 'the default')
  assert.deepEqual(await statuses('/some', as('eve'), 1), [429], 'one limit wherever the consumer goes')
  assert.deepEqual(
    [
      ...(await statuses('/some', {}, 1)),
      ...(await statuses('/open', as('eve'), 1)),
      ...(await statuses('/free', as('eve'), 1)),
    ],
    [200, 200, 200],
  )
})

test('a plan by a claim; what names no plan is as good as none', async (t) => {
  const gateway = await startGateway(
    t,
    {
      'p.mjs':
        "export default async (app) => { app.get('/p', { config: { auth: { jwt: {} } } }, (request) => request.consumer.plan ?? 'none') }",
    },
    { jwt, plans: { pro: { limits: [{ max: 9, window: '1h' }] as never } }, planClaim: 'org.plan' },
  )
  const { createHmac } = await import('node:crypto')
  const token = (claims: object): string => {
    const text = [
      { alg: 'HS256', typ: 'JWT' },
      { sub: 'ada', ...claims },
    ]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.')
    return `${text}.${createHmac('sha256', JWT_SECRET).update(text).digest('base64url')}`
  }
  const planOf = async (claims: object) =>
    (await fetch(`${gateway.url}/p`, { headers: { authorization: `Bearer ${token(claims)}` } })).text()
  assert.deepEqual(
    [
      await planOf({ org: { plan: 'pro' } }),
      await planOf({ org: { plan: '__proto__' } }),
      await planOf({ org: { plan: ['pro'] } }),
      await planOf({ org: 5 }),
      await planOf({}),
    ],
    ['pro', 'none', 'none', 'none', 'none'],
  )
})

test('plans that do not exist stop the boot', async (t) => {
  await assert.rejects(
    start(
      t,
      { routes: [route('/x')] },
      {
        plans: { free: { limits: [{ concurrent: 1 }] as never } },
        consumers: { ada: { plan: 'fre' } },
        defaultPlan: 'x',
      },
    ),
    /consumers\.ada\.plan: found "fre", allowed: "free"\n.*defaultPlan: found "x"/,
  )
  await assert.rejects(
    start(t, { routes: [route('/x')] }, { planClaim: 'plan' }),
    /planClaim: has no effect without plans/,
  )
})

/** A backend that answers when it is told, and says when a request has come. */
function slow() {
  const answers: (() => void)[] = []
  let arrived = () => {}
  return {
    respond: (_: unknown, response: { end(text: string): void }) => {
      answers.push(() => response.end('ok'))
      arrived()
    },
    answer: () => answers.shift()!(),
    arrival: () =>
      new Promise<void>((resolve) => {
        arrived = resolve
      }),
  }
}

/** Asks until the gateway has noticed that a place is free. */
async function untilFree(ask: () => Promise<{ status: number }>): Promise<void> {
  for (let i = 0; i < 500; i++) if ((await ask()).status !== 429) return
  assert.fail('the place never came back')
}

test('as many at once as stated: a place comes back when the response ends, or the client goes away', async (t) => {
  const { respond, answer, arrival } = slow()
  const { ask, url, port } = await start(
    t,
    {
      auth: 'none',
      routes: [
        route('/x', { rateLimit: { concurrent: 1 } }),
        route('/y', { rateLimit: { concurrent: 1, by: 'route' } }),
      ],
    },
    {},
    respond as never,
  )
  let came = arrival()
  const first = ask('/x')
  await came
  const refused = await ask('/x')
  assert.deepEqual(
    [
      refused.status,
      refused.headers.get('retry-after'),
      refused.headers.get('ratelimit'),
      refused.headers.get('ratelimit-policy'),
    ],
    [429, '1', '"route:a:GET /x";r=0', '"route:a:GET /x";q=1;qu="concurrent-requests"'],
  )
  answer()
  assert.equal((await first).status, 200)
  await (await first).text()

  came = arrival()
  const gone = httpRequest(`${url}/x`)
    .on('error', () => {})
    .end()
  await came
  assert.equal((await ask('/x')).status, 429)
  gone.destroy()
  const again = arrival()
  await Promise.race([again, untilFree(() => ask('/x'))])
  answer()

  came = arrival()
  const pipelined = connect(port, '127.0.0.1')
  pipelined.write('GET /y HTTP/1.1\r\nHost: x\r\n\r\nGET /y HTTP/1.1\r\nHost: x\r\n\r\n')
  await came
  assert.equal((await ask('/y')).status, 429)
  pipelined.destroy()
  await Promise.race([arrival(), untilFree(() => ask('/y'))])
})

test('a WebSocket holds its place until it closes, and a refused one holds none', async (t) => {
  const backend = await startBackend(t, (_, response) => {
    response.statusCode = 404
    response.end()
  })
  const sockets = new WebSocketServer({ server: backend.server, path: '/ws' })
  t.after(() => sockets.close())
  const { url } = await startGateway(t, {
    'a.json': {
      name: 'a',
      auth: 'none',
      targets: [backend.url],
      rateLimit: { concurrent: 1, by: 'route' },
      routes: [route('/:name', { websocket: true })],
    },
  })
  const open = (name: string) => new WebSocket(`${url.replace('http', 'ws')}/${name}`).on('error', () => {})
  const outcome = (socket: WebSocket) =>
    Promise.race([
      once(socket, 'open').then(() => 'open'),
      once(socket, 'unexpected-response').then(([, { statusCode }]) => statusCode as number),
    ])
  const first = open('ws')
  assert.equal(await outcome(first), 'open')
  assert.equal(await outcome(open('ws')), 429)
  assert.equal((await fetch(`${url}/ws`)).status, 429)
  first.close()
  await once(first, 'close')
  let last: string | number = 429
  for (let i = 0; i < 500 && last === 429; i++) last = await outcome(open('none'))
  assert.equal(last, 400, 'the service does not know that path')
  for (let i = 0; i < 500 && last !== 'open'; i++) {
    const socket = open('ws')
    last = await outcome(socket)
    socket.terminate()
  }
  assert.equal(last, 'open')
})
