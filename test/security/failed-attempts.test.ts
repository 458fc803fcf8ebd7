import assert from 'node:assert/strict'
import { createHash, createSign, generateKeyPairSync, randomBytes } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import { Redis } from 'ioredis'
import { hashPassword } from '../../src/auth/basic/password-hash.ts'
import { signToken } from '../../src/auth/jwt/dev-token.ts'
import { SessionSeal } from '../../src/auth/login/login-session.ts'
import type { ConfigInput } from '../../src/config/config-schema.ts'
import { settings as jwtSettings } from '../auth/jwt/key-pairs.ts'
import { needsRedis, startRedis, unhurried } from '../redis/redis-server.ts'
import { closedPort, startBackend } from '../support/backend.ts'
import { ask } from '../support/cookie-browser.ts'
import { eventually } from '../support/eventually.ts'
import { JWT_SECRET, startGateway } from '../support/gateway.ts'

const login = {
  issuer: 'https://id.example',
  clientId: 'gateway',
  sessionSecret: 'a secret for sessions of tests, long enough',
}
const password = await hashPassword('right')
const basic = (pair: string) => ({ authorization: `Basic ${Buffer.from(pair).toString('base64')}` })
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
const apiKey = randomBytes(32).toString('base64url')
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

/** The cookie of a session that has just begun. */
function sessionCookie(): { cookie: string } {
  const now = Date.now()
  const sealed = new SessionSeal(login).seal({
    id: 'an-id-for-a-session-ab',
    generation: 0,
    started: now,
    used: now,
    refreshFrom: null,
    freshUntil: null,
    refreshToken: null,
    consumer: { id: 'ada', scheme: 'login', scopes: [], groups: [], claims: { sub: 'ada' } },
  })
  return { cookie: `gatehouse-session=1${sealed}` }
}

/** A gateway with a route `/<scheme>` for each scheme named, and `/list` and `/maybe` that take any of them. */
async function start(t: TestContext, schemes: string[], config: ConfigInput) {
  const backend = await startBackend(t)
  const uses = schemes.map((scheme) => ({ [scheme]: {} }))
  const { url, app } = await startGateway(
    t,
    {
      'a.json': {
        name: 'a',
        targets: [backend.url],
        auth: uses,
        routes: [
          ...uses.map((use, i) => ({ method: 'GET', url: `/${schemes[i]}`, auth: use })),
          { method: 'GET', url: '/list' },
          { method: 'GET', url: '/maybe', auth: { optional: uses } },
        ],
      },
    },
    config,
  )
  let arrived = 0
  app.server.on('request', () => arrived++)
  return Object.assign(
    async (path: string, headers: Record<string, string> = {}) => (await ask(url + path, { headers })).status,
    { arrived: () => arrived },
  )
}

const times = <T>(count: number, make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i))
/** How often each status is among the answers. */
const counted = (statuses: number[]): Record<number, number> =>
  Object.fromEntries(
    Object.entries(Object.groupBy(statuses, (status) => status)).map(([status, list]) => [status, list!.length]),
  )

test('forged session cookies lock nobody out, however many there are', async (t) => {
  const send = await start(t, ['login', 'basic', 'jwt'], {
    failedAttempts: { max: 100, window: '1h' },
    login,
    basic: { users: [{ name: 'ada', password }] },
    jwt: jwtSettings({ secret: JWT_SECRET }),
  } as ConfigInput)
  const forged = times(101, () =>
    send('/login', { cookie: `gatehouse-session=1${randomBytes(200).toString('base64url')}` }),
  )
  assert.deepEqual(counted(await Promise.all(forged)), { 401: 101 })
  assert.equal(await send('/login', sessionCookie()), 200)
  assert.equal(await send('/basic', basic('ada:right')), 200)
  assert.equal(await send('/jwt', bearer(signToken(jwtSettings({ secret: JWT_SECRET }), { sub: 'ada' }))), 200)
  assert.equal(
    await send('/list', { cookie: 'gatehouse-session=1forged', ...basic('ada:right') }),
    200,
    'a forged session is as none',
  )
  assert.equal(await send('/maybe', { cookie: 'gatehouse-session=1forged' }), 200)
})

test('a session passes while every other scheme is locked, and a request without credentials is not refused for those of others', async (t) => {
  const send = await start(t, ['login', 'apiKey', 'jwt'], {
    failedAttempts: { max: 3, window: '1h' },
    login,
    apiKeys: { keys: [{ name: 'ada', sha256: sha256(apiKey) }] },
    jwt: jwtSettings({ secret: JWT_SECRET }),
  } as ConfigInput)
  for (let i = 0; i < 3; i++) {
    assert.deepEqual(
      [await send('/apiKey', { 'x-api-key': `bad ${i}` }), await send('/jwt', bearer(`a.b.c${i}`))],
      [401, 401],
    )
  }
  assert.deepEqual([await send('/apiKey', { 'x-api-key': 'bad' }), await send('/jwt', bearer('a.b.c'))], [429, 429])
  assert.equal(await send('/login', sessionCookie()), 200)
  assert.equal(await send('/list', { ...sessionCookie(), 'x-api-key': 'bad' }), 200)
  for (const path of ['/apiKey', '/jwt', '/list']) assert.equal(await send(path), 401, path)
  assert.equal(await send('/maybe'), 200)
})

test('the refusal of one scheme of a list does not stop the next one', async (t) => {
  const send = await start(t, ['apiKey', 'basic'], {
    failedAttempts: { max: 2, window: '1h' },
    apiKeys: { keys: [{ name: 'ada', sha256: sha256(apiKey) }] },
    basic: { users: [{ name: 'ada', password }] },
  })
  for (let i = 0; i < 2; i++) assert.equal(await send('/list', { 'x-api-key': 'bad' }), 401)
  assert.equal(await send('/list', { 'x-api-key': 'bad' }), 429)
  assert.equal(await send('/list', { 'x-api-key': 'bad', ...basic('ada:right') }), 200)
  assert.equal(await send('/list', { 'x-api-key': 'bad', ...basic('ada:wrong') }), 401)
})

test('guessing at one account locks this account from this address alone; spreading the guesses has a bound too', async (t) => {
  const users = ['ada', 'bob', 'eve'].map((name) => ({ name, password }))
  const send = await start(t, ['basic'], { failedAttempts: { max: 2, window: '1h' }, basic: { users } })
  assert.deepEqual(
    [await send('/basic', basic('ada:x')), await send('/basic', basic('ada:y')), await send('/basic', basic('ada:z'))],
    [401, 401, 429],
  )
  assert.equal(await send('/basic', basic('bob:right')), 200)
  // names that there are not are counted as those that there are
  const answers: number[] = []
  for (let i = 0; i < 20; i++) answers.push(await send('/basic', basic(`nobody-${i}:x`)))
  assert.deepEqual(counted(answers), { 401: 18, 429: 2 })
  assert.deepEqual([await send('/basic', basic('nobody-0:x')), await send('/basic', basic('ada:right'))], [429, 429])
})

/** What the services of the schemes wait for before they answer. */
const held = { now: Promise.resolve() }

const KINDS = {
  async introspection(t: TestContext) {
    const asked: string[] = []
    const server = await startBackend(t, async (request, response) => {
      let body = ''
      for await (const chunk of request) body += chunk
      const token = new URLSearchParams(body).get('token')!
      asked.push(token)
      await held.now
      response
        .setHeader('content-type', 'application/json')
        .end(JSON.stringify(token.startsWith('good') ? { active: true, sub: token } : { active: false }))
    })
    const config = { introspection: { url: server.url, clientId: 'gate', clientSecret: 'secret', timeout: '1 minute' } }
    return {
      config,
      good: (i: number) => bearer(`good-${i}`),
      bad: (i: number) => bearer(`bad-${i}`),
      reached: () => asked.filter((token) => token.startsWith('bad')).length,
    }
  },
  async forwardAuth(t: TestContext) {
    const asked: string[] = []
    const server = await startBackend(t, async (request, response) => {
      asked.push(request.headers.authorization!)
      await held.now
      response.writeHead(request.headers.authorization!.includes('good') ? 200 : 401, { 'remote-user': 'ada' }).end()
    })
    const config = { forwardAuth: { url: server.url, timeout: '1 minute' } }
    return {
      config,
      good: (i: number) => bearer(`good-${i}`),
      bad: (i: number) => bearer(`bad-${i}`),
      reached: () => asked.filter((token) => token.includes('bad')).length,
    }
  },
  async basic() {
    const users = times(4, (i) => ({ name: `user-${i}`, password }))
    return {
      config: { basic: { users } },
      good: (i: number) => basic(`user-${1 + (i % 3)}:right`),
      bad: (i: number) => basic(`user-0:wrong-${i}`),
      reached: null,
    }
  },
  /** The keys have to be fetched first, so that all wait. */
  async jwt(t: TestContext) {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const server = await startBackend(t, (_request, response) => {
      response
        .setHeader('content-type', 'application/json')
        .end(JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'one', alg: 'ES256' }] }))
    })
    const token = (claims: object, end = ''): string => {
      const text = [{ alg: 'ES256', kid: 'one' }, claims]
        .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
        .join('.')
      return `${text}.${createSign('sha256')
        .update(text + end)
        .sign({ key: privateKey, dsaEncoding: 'ieee-p1363' })
        .toString('base64url')}`
    }
    return {
      config: { jwt: { jwksUri: server.url } },
      good: (i: number) => bearer(token({ sub: `ada-${i}` })),
      bad: (i: number) => bearer(token({ sub: `eve-${i}` }, 'x')),
      reached: null,
    }
  },
}

for (const [scheme, make] of Object.entries(KINDS)) {
  test(`${scheme}: of 300 guesses at once exactly as many are looked at as may fail`, async (t) => {
    const { config, bad, reached } = await make(t)
    const send = await start(t, [scheme], { failedAttempts: { max: 5, window: '1h' }, ...config } as ConfigInput)
    const { promise, resolve } = Promise.withResolvers<void>()
    held.now = promise
    const answers = Promise.all(times(300, (i) => send(`/${scheme}`, bad(i))))
    // none of them is answered before all have come
    await eventually('300 requests', async () => send.arrived() === 300)
    resolve()
    assert.deepEqual(counted(await answers), { 401: 5, 429: 295 })
    if (reached !== null) assert.equal(reached(), 5)
  })

  test(`${scheme}: of 300 valid requests at once none is refused, and the few guesses among them cost them nothing`, async (t) => {
    const { config, good, bad } = await make(t)
    const send = await start(t, [scheme], { failedAttempts: { max: 5, window: '1h' }, ...config } as ConfigInput)
    assert.deepEqual(counted(await Promise.all(times(300, (i) => send(`/${scheme}`, good(i))))), { 200: 300 })
    const mixed = await Promise.all(times(300, (i) => send(`/${scheme}`, i % 75 === 40 ? bad(i) : good(300 + i))))
    assert.deepEqual(counted(mixed), { 200: 296, 401: 4 })
  })
}

test('one address cannot fill the queue of passwords that wait to be hashed: none of its own is answered 503 either', async (t) => {
  const send = await start(t, ['basic'], {
    failedAttempts: { max: 100, window: '1h' },
    basic: { users: [{ name: 'ada', password }] },
  })
  const guesses = Promise.all(times(75, (i) => send('/basic', basic(`nobody-${i}:x`))))
  await eventually('75 requests', async () => send.arrived() >= 75)
  assert.equal(await send('/basic', basic('ada:right')), 200)
  assert.deepEqual(counted(await guesses), { 401: 75 })
})

test('a service that is away says nothing of credentials: nobody is counted, at once neither', async (t) => {
  const url = `http://127.0.0.1:${await closedPort()}`
  const send = await start(t, ['introspection'], {
    failedAttempts: { max: 2, window: '1h' },
    introspection: { url, clientId: 'gate', clientSecret: 'secret' },
  })
  assert.deepEqual(counted(await Promise.all(times(50, (i) => send('/introspection', bearer(`t${i}`))))), { 503: 50 })
})

test(
  'API keys in Redis: exactly as many guesses as may fail, and gateways share what they have seen',
  needsRedis,
  async (t) => {
    unhurried(t)
    const port = await closedPort()
    await startRedis(t, port)
    const redis = new Redis(port)
    t.after(() => redis.disconnect())
    const config = {
      redis: `redis://127.0.0.1:${port}`,
      apiKeys: { redis: true },
      failedAttempts: { max: 5, window: '1h' },
    }
    const [one, two] = [await start(t, ['apiKey'], config), await start(t, ['apiKey'], config)]
    await redis.hset(
      'gatehouse:api-keys',
      sha256(apiKey).slice(0, 16),
      JSON.stringify({ name: 'ada', sha256: sha256(apiKey) }),
    )
    for (const send of [one, two]) {
      await eventually('Redis', async () => (await send('/apiKey', { 'x-api-key': apiKey })) === 200)
    }
    assert.deepEqual(counted(await Promise.all(times(300, (i) => one('/apiKey', { 'x-api-key': `bad ${i}` })))), {
      401: 5,
      429: 295,
    })
    assert.equal(await two('/apiKey', { 'x-api-key': 'bad' }), 429, 'the other gateway knows')
    assert.equal(await two('/apiKey', { 'x-api-key': apiKey }), 200, 'a key that was used from here before')
  },
)
