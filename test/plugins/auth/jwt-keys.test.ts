import assert from 'node:assert/strict'
import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import type { ConfigInput } from '../../../src/config/config-schema.ts'
import { jwkOf, now, signed, startIssuer } from '../../auth/jwt/issuer.ts'
import { ed25519, type KeyPair, p256, p384, privatePem, publicPem, rsa } from '../../auth/jwt/key-pairs.ts'
import { needsRedis, startRedis, unhurried } from '../../redis/redis-server.ts'
import { closedPort, startBackend } from '../../support/backend.ts'
import { startGateway } from '../../support/gateway.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import { stageApp } from './stage-app.ts'

const ALGS = new Map([
  [rsa, 'RS256'],
  [p256, 'ES256'],
  [p384, 'ES384'],
  [ed25519, 'EdDSA'],
])
const tokenOf = (pair: KeyPair, kid?: string, claims: object = {}): string =>
  signed(pair.privateKey, { alg: ALGS.get(pair), kid }, { sub: 'ada', exp: now() + 60, ...claims })

/** An app with a route `/who` that tells the consumer, and what it logs. */
async function start(t: TestContext, jwt: ConfigInput['jwt'], config: ConfigInput = {}) {
  const lines: string[] = []
  const waiting = new Set<() => void>()
  const app = await stageApp(t, {
    config: { jwt, ...config },
    log: {
      write: (line) => {
        lines.push(line)
        for (const tell of waiting) tell()
      },
    },
  })
  app.get('/who', { config: { auth: { jwt: {} } } }, (request) => request.consumer)
  const ask = async (token: string) => {
    const { statusCode, json, headers } = await app.inject({
      url: '/who',
      headers: { authorization: `Bearer ${token}` },
    })
    return { status: statusCode, body: json(), headers }
  }
  /** Resolves when a text has been logged that many times. */
  const logged = (text: string, times = 1) =>
    new Promise<void>((resolve) => {
      const tell = (): void => {
        if (lines.filter((line) => line.includes(text)).length < times) return
        waiting.delete(tell)
        resolve()
      }
      waiting.add(tell)
      tell()
    })
  return { app, ask, lines, logged }
}
const status = async (answer: Promise<{ status: number }>): Promise<number> => (await answer).status

test('the boot waits for no issuer; the first requests do, and share one fetch', async (t) => {
  const issuer = await startIssuer(t, [jwkOf(rsa, { kid: 'a' })])
  let release!: () => void
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  issuer.answer = async (_request, response) => {
    await held
    response.end(JSON.stringify({ keys: issuer.keys }))
  }
  const { app, ask } = await start(t, { jwksUri: `${issuer.url}/keys` })
  const asked = issuer.next()
  await app.listen({ port: 0 })
  await asked
  const answers = Array.from({ length: 10 }, () => status(ask(tokenOf(rsa, 'a'))))
  release()
  assert.deepEqual(await Promise.all(answers), Array(10).fill(200))
  assert.deepEqual(issuer.asked, ['/keys'])
})

test('keys rotate under load, by the discovery of their issuer, and no request fails', async (t) => {
  const issuer = await startIssuer(t, [jwkOf(rsa, { kid: 'a' })])
  const { ask } = await start(t, { discover: true, issuer: issuer.url, cacheSize: 0 })
  const iss = issuer.url
  const results: number[] = []
  const rounds = [
    [rsa, 'a'],
    [p256, 'b'],
  ] as const
  for (const [pair, kid] of rounds) {
    if (!issuer.keys.some((jwk) => jwk.kid === kid)) issuer.keys.push(jwkOf(pair, { kid }))
    results.push(
      ...(await Promise.all(
        Array.from({ length: 50 }, (_, i) =>
          status(ask(tokenOf(i % 2 ? pair : rsa, i % 2 ? kid : 'a', { iss, jti: String(i) }))),
        ),
      )),
    )
  }
  assert.deepEqual(results, Array(100).fill(200))
  assert.deepEqual(issuer.asked.length, 4, 'metadata and keys, twice')
  assert.equal(await status(ask(tokenOf(rsa, 'a', { iss: 'https://evil.test' }))), 401)
  assert.equal(await status(ask(tokenOf(rsa, 'a'))), 401)
})

test('without the issuer known keys go on, unknown ones are 503 and never let in, and a withdrawn key ends its tokens', async (t) => {
  const issuer = await startIssuer(t, [jwkOf(rsa, { kid: 'a' }), jwkOf(ed25519, { kid: 'b' })])
  const { ask } = await start(t, { jwksUri: `${issuer.url}/keys`, refreshCooldown: 1 })
  const [a, b] = [tokenOf(rsa, 'a'), tokenOf(ed25519, 'b')]
  assert.deepEqual([await status(ask(a)), await status(ask(b))], [200, 200])
  issuer.answer = (request) => {
    request.socket.destroy()
  }
  const unknown = await ask(tokenOf(p256, 'c'))
  assert.deepEqual(
    [unknown.status, unknown.body.code, unknown.headers['retry-after']],
    [503, 'GW_AUTH_UNAVAILABLE', '1'],
  )
  assert.doesNotMatch(JSON.stringify(unknown.body), /127\.0\.0\.1|keys cannot/)
  assert.deepEqual([await status(ask(a)), await status(ask(tokenOf(rsa, 'a', { jti: 'fresh' })))], [200, 200])
  issuer.answer = null
  issuer.keys = [jwkOf(rsa, { kid: 'a' }), jwkOf(p256, { kid: 'c' })]
  let fresh: number
  do fresh = await status(ask(tokenOf(p256, 'c')))
  while (fresh === 503)
  assert.equal(fresh, 200)
  assert.deepEqual([await status(ask(a)), await status(ask(b))], [200, 401], 'b is known no more, though its token was')
})

test('an issuer that was never there answers 503 with no word about it', async (t) => {
  const { ask, lines } = await start(t, { jwksUri: `http://127.0.0.1:${await closedPort()}/keys` })
  const answer = await ask(tokenOf(rsa))
  assert.deepEqual([answer.status, answer.body.code], [503, 'GW_AUTH_UNAVAILABLE'])
  assert.doesNotMatch(JSON.stringify(answer.body), /127\.0\.0\.1|ECONN/)
  assert.equal(lines.filter((line) => line.includes('its tokens cannot be checked')).length, 1)
})

test('several issuers stand side by side, each with keys of its own kind', async (t) => {
  const remote = await startIssuer(t, [jwkOf(rsa, { kid: 'k' })])
  const folder = temporaryFolder(t, { 'keys.json': JSON.stringify({ keys: [jwkOf(p384, { kid: 'k' })] }) })
  const { ask } = await start(t, {
    audience: 'api',
    issuers: [
      { issuer: remote.url, discover: true },
      { issuer: 'file', keys: join(folder, 'keys.json'), idPrefix: 'f:' },
      { issuer: 'inline', keys: { keys: [jwkOf(p256, { kid: 'k' })] }, audience: 'other' },
      { issuer: 'pem', publicKey: publicPem(ed25519), claims: { id: 'email', groups: 'realm_access.roles' } },
    ],
  })
  const as = (pair: KeyPair, iss: string, claims: object = {}) =>
    ask(tokenOf(pair, 'k', { iss, aud: 'api', ...claims }))
  assert.equal((await as(rsa, remote.url)).body.id, `${remote.url}|ada`)
  assert.equal((await as(p384, 'file')).body.id, 'f:ada')
  assert.equal((await as(p256, 'inline', { aud: 'other' })).body.id, 'inline|ada')
  const { body } = await as(ed25519, 'pem', { email: 'ada@x.test', realm_access: { roles: ['staff'] } })
  assert.deepEqual([body.id, body.groups], ['pem|ada@x.test', ['staff']])
  for (const answer of [
    as(rsa, 'file'),
    as(p384, remote.url),
    as(p256, 'inline'),
    as(p256, 'pem'),
    as(rsa, 'nobody'),
    ask(tokenOf(rsa, 'k', { aud: 'api' })),
  ]) {
    assert.equal(await status(answer), 401)
  }
})

test('files of keys and revocations are taken over when they change; a bad one changes nothing', async (t) => {
  const folder = temporaryFolder(t, { 'keys.pem': publicPem(rsa), 'revoked.yaml': '- jti: j1\n' })
  const { ask, lines, logged } = await start(t, {
    keys: join(folder, 'keys.pem'),
    revocation: { file: join(folder, 'revoked.yaml') },
  })
  const write = (name: string, text: string): void => {
    // at once, as careful writers do it
    writeFileSync(join(folder, 'next'), text)
    renameSync(join(folder, 'next'), join(folder, name))
  }
  const [known, revoked] = [tokenOf(rsa), tokenOf(rsa, 'x', { jti: 'j1' })]
  assert.deepEqual([await status(ask(known)), await status(ask(revoked))], [200, 401])
  assert.equal((await ask(revoked)).body.detail, 'The token is not valid: it has been revoked. Send a valid one.')
  write('keys.pem', privatePem(rsa))
  write('revoked.yaml', '- jti: 5\n')
  await logged('the changed file is not good', 2)
  assert.deepEqual([await status(ask(known)), await status(ask(revoked))], [200, 401])
  assert.ok(
    lines.every((line) => !line.includes(privatePem(rsa).slice(40, 80))),
    'no key in the log',
  )
  write(
    'keys.pem',
    JSON.stringify({
      keys: [jwkOf(p256, { kid: 'new' }), { kty: 'oct', kid: 's', k: Buffer.alloc(32, 1).toString('base64url') }],
    }),
  )
  write('revoked.yaml', "- sub: ada\n  before: '2001-01-01'\n- sub: bob\n")
  await logged('took over the changed file', 2)
  assert.equal(await status(ask(known)), 401, 'its key is gone')
  assert.deepEqual(
    [
      await status(ask(tokenOf(p256, 'new', { iat: now() }))),
      await status(ask(tokenOf(p256, 'new'))),
      await status(ask(tokenOf(p256, 'new', { sub: 'bob', iat: now() }))),
    ],
    [200, 401, 401],
  )
  assert.equal(
    await status(ask(signed(Buffer.alloc(32, 1), { alg: 'HS256', kid: 's' }, { sub: 'x', exp: now() + 60 }))),
    200,
  )
})

test('revocations in Redis reach tokens that are known', needsRedis, async (t) => {
  const port = await closedPort()
  await startRedis(t, port)
  unhurried(t)
  const { app, ask } = await start(
    t,
    { publicKey: publicPem(rsa), revocation: { redis: true, refreshAfter: 0 } },
    { redis: `redis://127.0.0.1:${port}` },
  )
  const token = tokenOf(rsa, undefined, { jti: 'j1' })
  assert.equal(await status(ask(token)), 503, 'Redis is not there yet')
  if (app.redis!.status !== 'ready') await new Promise<void>((resolve) => app.redis!.once('ready', () => resolve()))
  assert.equal(await status(ask(token)), 200)
  await app.redis!.set('{gatehouse}:revoked:jti:j1', '')
  assert.equal(await status(ask(token)), 401)
})

test('typ and age of tokens are checked on wish, with the clocks as far apart as they may be', async (t) => {
  const { ask } = await start(t, {
    publicKey: publicPem(p256),
    typ: 'at+jwt',
    maxAge: '1 minute',
    clockTolerance: '10s',
  })
  const tokenWith = (typ: string, age: number) =>
    status(ask(signed(p256.privateKey, { alg: 'ES256', typ }, { sub: 'ada', iat: now() - age, exp: now() + 9999 })))
  assert.deepEqual(
    await Promise.all([tokenWith('at+jwt', 0), tokenWith('application/AT+JWT', 65), tokenWith('at+jwt', -5)]),
    [200, 200, 200],
  )
  assert.deepEqual(
    await Promise.all([tokenWith('JWT', 0), tokenWith('at+jwt', 75), tokenWith('at+jwt', -20)]),
    [401, 401, 401],
  )
})

const MISTAKES: [string, ConfigInput['jwt'], RegExp][] = [
  ['a file that is not there', { keys: 'nothing.json' }, /^nothing\.json: cannot be read: no such file/],
  ['a file without keys', { keys: 'package.json' }, /^package\.json: is no JWK Set/],
  [
    'inline keys of no use',
    { keys: { keys: [jwkOf(p256, { use: 'enc' })] } },
    /^configuration: jwt\.keys: key 1: it is not for signatures/,
  ],
  ['an inline secret', { keys: { kty: 'oct', k: 'x'.repeat(64) } }, /jwt\.keys: key 1: it is a shared secret/],
  [
    'a URL with a password',
    { jwksUri: 'https://u:geheim@id.test/keys' },
    /^configuration: jwt\.jwksUri: has credentials/,
  ],
  [
    'an issuer that is no URL',
    { issuers: [{ issuer: 'me', discover: true }] },
    /^configuration: jwt\.issuers\[0\]\.issuer: is not a URL/,
  ],
  [
    'no place for a token',
    { publicKey: publicPem(rsa), token: { header: false } },
    /^configuration: jwt\.token\.header: is false/,
  ],
  [
    'no revocations',
    { publicKey: publicPem(rsa), revocation: {} },
    /^configuration: jwt\.revocation: has no revocations/,
  ],
  [
    'revocations in no Redis',
    { publicKey: publicPem(rsa), revocation: { redis: true } },
    /^configuration: jwt\.revocation\.redis: is true, but there is no Redis/,
  ],
  [
    'a file of revocations that is not there',
    { publicKey: publicPem(rsa), revocation: { file: 'nothing.yaml' } },
    /^nothing\.yaml: cannot be read/,
  ],
]
for (const [what, jwt, message] of MISTAKES) {
  test(`${what} stops the boot in so many words`, async (t) => {
    await assert.rejects(start(t, jwt), (error: Error) => {
      assert.equal(error.name, 'BootProblems')
      assert.match(error.message, message)
      assert.doesNotMatch(error.message, /geheim/)
      return true
    })
  })
}

test('a token in a cookie or the query is found, and kept from the upstream', async (t) => {
  const backend = await startBackend(t)
  const { url, app } = await startGateway(
    t,
    { 'a.json': { name: 'a', targets: [backend.url], auth: { jwt: {} }, routes: [{ method: 'GET', url: '/x' }] } },
    { jwt: { publicKey: publicPem(p256), token: { cookie: 'session', query: 'access_token' } } },
  )
  const token = tokenOf(p256)
  for (const [path, headers] of [
    ['/x?a=1', { cookie: `a=b; session=${token}` }],
    [`/x?a=1&access_token=${token}`, { cookie: 'a=b' }],
  ] as const) {
    assert.equal((await fetch(url + path, { headers })).status, 200)
    const {
      url: seen,
      headers: { cookie },
    } = backend.received.at(-1)!
    assert.deepEqual([seen, cookie], ['/x?a=1', 'a=b'])
  }
  assert.equal((await fetch(`${url}/x?access_token=${token}`, { headers: { cookie: `session=${token}` } })).status, 401)
  const document = (await app.inject('/docs/json')).json()
  assert.match(JSON.stringify(document.components.securitySchemes), /bearer/)
})
