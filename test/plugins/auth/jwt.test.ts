import assert from 'node:assert/strict'
import { createHmac, generateKeyPairSync, type KeyObject, sign as cryptoSign } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import type { ConfigInput } from '../../../src/config/config-schema.ts'
import type { JwtSettings } from '../../../src/auth/jwt/jwt-schema.ts'
import { signToken } from '../../../src/auth/jwt/dev-token.ts'
import { startBackend } from '../../support/backend.ts'
import { JWT_SECRET, startGateway } from '../../support/gateway.ts'

const encode = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
const hmac = (input: string, secret: string | Buffer, bits = 256): string =>
  createHmac(`sha${bits}`, secret).update(input).digest('base64url')
function forge(header: object, payload: object | string, secret: string | Buffer = JWT_SECRET): string {
  const input = `${encode(header)}.${encode(payload)}`
  return `${input}.${hmac(input, secret)}`
}
const now = (): number => Math.floor(Date.now() / 1000)
const claims = { sub: 'me', scope: 'a:read', exp: now() + 3600 }

async function start(t: TestContext, jwt: ConfigInput['jwt'], more: object = {}, config: ConfigInput = {}) {
  const backend = await startBackend(t)
  const gateway = await startGateway(
    t,
    {
      'a.json': {
        name: 'a',
        targets: [backend.url],
        auth: { jwt: { scopes: ['a:read'] } },
        routes: [
          { method: 'GET', url: '/read' },
          { method: 'GET', url: '/write', auth: { jwt: { scopes: ['a:read', 'a:write'] } } },
          { method: 'GET', url: '/any', auth: [{ jwt: { scopes: ['admin'] } }, { jwt: { scopes: ['a:read'] } }] },
          { method: 'GET', url: '/whoever', auth: { jwt: {} } },
          { method: 'GET', url: '/open', auth: 'none' },
        ],
        ...more,
      },
    },
    { jwt, ...config },
  )
  const ask = (path: string, authorization?: string) =>
    fetch(gateway.url + path, { headers: authorization === undefined ? {} : { authorization } })
  return { ...gateway, backend, ask }
}

test('a valid token passes, and a missing scope is 403', async (t) => {
  const { ask } = await start(t, { secret: JWT_SECRET })
  const bearer = `Bearer ${forge({ alg: 'HS256' }, claims)}`
  assert.equal((await ask('/read', bearer)).status, 200)
  assert.equal((await ask('/read', bearer.replace('Bearer', 'bearer'))).status, 200)
  assert.equal((await ask('/any', bearer)).status, 200)
  assert.equal((await ask('/whoever', bearer)).status, 200)
  assert.equal((await ask('/open')).status, 200)
  const refused = await ask('/write', bearer)
  assert.equal(refused.status, 403)
  assert.equal(
    refused.headers.get('www-authenticate'),
    'Bearer realm="gatehouse", error="insufficient_scope", scope="a:read a:write"',
  )
  const { code, detail, missingScopes } = (await refused.json()) as Record<string, unknown>
  assert.deepEqual([code, missingScopes], ['GW_FORBIDDEN', ['a:write']])
  assert.equal(
    detail,
    'The credentials are valid but lack the scope "a:write", which this route requires: use credentials that have it.',
  )
})

test('without a token 401 says how to send one, and nothing of an error', async (t) => {
  const { ask, backend } = await start(t, { secret: JWT_SECRET })
  const response = await ask('/read')
  assert.equal(response.status, 401)
  assert.equal(response.headers.get('www-authenticate'), 'Bearer realm="gatehouse"')
  assert.equal(response.headers.get('content-type'), 'application/problem+json; charset=utf-8')
  assert.equal(backend.received.length, 0)
})

test('scopes are read from every usual claim', async (t) => {
  const { ask } = await start(t, { secret: JWT_SECRET })
  const { scope, ...bare } = claims
  for (const more of [
    { scope },
    { scope: ['a:read'] },
    { scp: ['a:read'] },
    { scp: 'b a:read' },
    { scopes: ['a:read', 1] },
  ]) {
    assert.equal(
      (await ask('/read', `Bearer ${forge({ alg: 'HS256' }, { ...bare, ...more })}`)).status,
      200,
      JSON.stringify(more),
    )
  }
  for (const more of [{}, { scope: 'a:read2' }, { scope: 'xa:read' }, { scope: { 'a:read': true } }, { scope: null }]) {
    assert.equal(
      (await ask('/read', `Bearer ${forge({ alg: 'HS256' }, { ...bare, ...more })}`)).status,
      403,
      JSON.stringify(more),
    )
  }
})

const good = forge({ alg: 'HS256' }, claims)
const [header, payload, signature] = good.split('.') as [string, string, string]
const REFUSED: [string, string][] = [
  ['nothing after Bearer', 'Bearer '],
  ['another scheme', 'Basic bWU6bWU='],
  ['garbage', 'Bearer x.y.z'],
  ['two parts', `Bearer ${header}.${payload}`],
  ['an empty signature', `Bearer ${header}.${payload}.`],
  ['a cut signature', `Bearer ${good.slice(0, -4)}`],
  ['another signature', `Bearer ${header}.${payload}.${signature.split('').reverse().join('')}`],
  ['a changed payload', `Bearer ${header}.${encode({ ...claims, sub: 'root' })}.${signature}`],
  ['five parts', `Bearer ${good}.x.y`],
  ['two tokens', `Bearer ${good}, Bearer ${good}`],
  ['a token longer than 8 KiB', `Bearer ${forge({ alg: 'HS256' }, { ...claims, pad: 'x'.repeat(9000) })}`],
  ...['none', 'None', 'NONE', 'nOnE', '', 'none\0', null, ['none'], { a: 1 }].map((alg): [string, string] => [
    `alg ${JSON.stringify(alg)}`,
    `Bearer ${encode({ alg })}.${payload}.`,
  ]),
  ...['none', 'None', 'NONE'].map((alg): [string, string] => [
    `alg ${alg} with a signature`,
    `Bearer ${forge({ alg }, claims)}`,
  ]),
  ['another secret', `Bearer ${forge({ alg: 'HS256' }, claims, 'some other secret of enough characters')}`],
  ['an expired token', `Bearer ${forge({ alg: 'HS256' }, { ...claims, exp: now() - 60 })}`],
  ['a token of the future', `Bearer ${forge({ alg: 'HS256' }, { ...claims, nbf: now() + 600 })}`],
  ['exp as text', `Bearer ${forge({ alg: 'HS256' }, { ...claims, exp: String(now() + 600) })}`],
  ['exp null', `Bearer ${forge({ alg: 'HS256' }, { ...claims, exp: null })}`],
  ['an unknown critical header', `Bearer ${forge({ alg: 'HS256', crit: ['x'], x: 1 }, claims)}`],
  ['an empty crit', `Bearer ${forge({ alg: 'HS256', crit: [] }, claims)}`],
  ['a null crit', `Bearer ${forge({ alg: 'HS256', crit: null }, claims)}`],
  ['b64 as critical', `Bearer ${forge({ alg: 'HS256', crit: ['b64'], b64: false }, claims)}`],
  ['a payload that is no object', `Bearer ${forge({ alg: 'HS256' }, '"text"')}`],
  ['a payload that is a list', `Bearer ${forge({ alg: 'HS256' }, [claims])}`],
  ['a payload that is not JSON', `Bearer ${forge({ alg: 'HS256' }, '{')}`],
  ['nobody', `Bearer ${forge({ alg: 'HS256' }, { scope: 'a:read', exp: claims.exp })}`],
  ['a key of its own', `Bearer ${forge({ alg: 'HS256', jwk: { kty: 'oct', k: encode('mine') } }, claims, 'mine')}`],
]
test('every other token is 401, and never reaches the upstream', async (t) => {
  const { ask, backend, app } = await start(t, { secret: JWT_SECRET })
  for (const [what, authorization] of REFUSED) {
    for (const path of ['/read', '/whoever']) {
      const response = await ask(path, authorization).catch((error) => {
        throw new Error(`${what}: ${error}`)
      })
      assert.equal(response.status, 401, what)
      assert.match(
        response.headers.get('www-authenticate')!,
        /^Bearer realm="gatehouse"(?:, error="invalid_token", error_description="[\w ,'-]+")?$/,
        what,
      )
      assert.doesNotMatch(await response.text(), /fast-jwt|FAST_JWT|stack|secret/i, what)
    }
  }
  assert.equal(backend.received.length, 0)
  assert.equal((await app.inject('/livez')).statusCode, 200)
})

test('iss and aud are checked when stated, and then required', async (t) => {
  const { ask } = await start(t, { secret: JWT_SECRET, issuer: 'https://id.test', audience: ['api', 'other'] })
  const status = async (more: object) =>
    (await ask('/read', `Bearer ${forge({ alg: 'HS256' }, { ...claims, ...more })}`)).status
  assert.equal(await status({ iss: 'https://id.test', aud: 'api' }), 200)
  assert.equal(await status({ iss: 'https://id.test', aud: ['x', 'other'] }), 200)
  for (const more of [
    {},
    { iss: 'https://id.test' },
    { aud: 'api' },
    { iss: 'https://id.test.evil', aud: 'api' },
    { iss: 'https://id.test', aud: 'apix' },
    { iss: ['https://id.test'], aud: 'api' },
    { iss: 'https://id.test', aud: [] },
  ]) {
    assert.equal(await status(more), 401, JSON.stringify(more))
  }
})

interface Pair {
  publicKey: KeyObject
  privateKey: KeyObject
}
const pem = (key: KeyObject, type: 'spki' | 'pkcs8') => String(key.export({ type: type as 'spki', format: 'pem' }))
const rsa: Pair = generateKeyPairSync('rsa', { modulusLength: 2048 })
const PAIRS: [string, Pair][] = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'].map((alg): [string, Pair] => [alg, rsa]),
  ['ES256', generateKeyPairSync('ec', { namedCurve: 'prime256v1' })],
  ['ES384', generateKeyPairSync('ec', { namedCurve: 'secp384r1' })],
  ['ES512', generateKeyPairSync('ec', { namedCurve: 'secp521r1' })],
  ['EdDSA', generateKeyPairSync('ed25519')],
]

for (const [alg, { publicKey, privateKey }] of PAIRS) {
  test(`${alg}: a token of the private key passes; HMAC with the public key does not`, async (t) => {
    const keys: Partial<JwtSettings> = {
      publicKey: pem(publicKey, 'spki'),
      privateKey: pem(privateKey, 'pkcs8'),
      algorithms: [alg as 'RS256'],
      clockTolerance: 0,
      cacheSize: 10,
    }
    const { ask } = await start(t, keys)
    const token = signToken(keys, { sub: 'me', scopes: ['a:read'] })
    assert.equal(JSON.parse(Buffer.from(token.split('.')[0]!, 'base64url').toString()).alg, alg)
    assert.equal((await ask('/read', `Bearer ${token}`)).status, 200)
    for (const form of [keys.publicKey!, keys.publicKey!.trim(), publicKey.export({ type: 'spki', format: 'der' })]) {
      assert.equal((await ask('/read', `Bearer ${forge({ alg: 'HS256' }, claims, form)}`)).status, 401)
    }
    assert.equal(
      (await ask('/read', `Bearer ${encode({ alg })}.${encode(claims)}.${'A'.repeat(86)}`)).status,
      401,
      'zeros for a signature',
    )
    assert.equal((await ask('/read', `Bearer ${encode({ alg })}.${encode(claims)}.`)).status, 401)
  })
}

test('ECDSA signatures are taken in their raw form only', async (t) => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const { ask } = await start(t, { publicKey: pem(publicKey, 'spki') })
  const input = `${encode({ alg: 'ES256' })}.${encode(claims)}`
  const raw = cryptoSign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString(
    'base64url',
  )
  const der = cryptoSign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'der' }).toString('base64url')
  assert.equal((await ask('/read', `Bearer ${input}.${raw}`)).status, 200)
  assert.equal((await ask('/read', `Bearer ${input}.${der}`)).status, 401)
})

test('what is wrong with the keys stops the boot in so many words', async (t) => {
  const small = generateKeyPairSync('rsa', { modulusLength: 1024 })
  const { publicKey, privateKey } = rsa
  const WRONG: [ConfigInput['jwt'], RegExp][] = [
    [{}, /has no key/],
    [{ secret: JWT_SECRET, publicKey: pem(publicKey, 'spki') }, /both secret and publicKey/],
    [{ publicKey: 'nonsense' }, /is not a public key in PEM form/],
    [{ publicKey: pem(privateKey, 'pkcs8') }, /found a private key/],
    [{ publicKey: pem(small.publicKey, 'spki') }, /1024 bits/],
    [{ secret: JWT_SECRET, algorithms: ['RS256'] }, /RS256.*jwt\.secret/],
    [{ publicKey: pem(publicKey, 'spki'), algorithms: ['HS256'] }, /HS256.*jwt\.publicKey/],
    [undefined, /a\.json: auth: asks for jwt, which is not configured/],
  ]
  for (const [jwt, message] of WRONG) await assert.rejects(start(t, jwt), message)
})

test('identity reaches the upstream, and the client cannot claim it', async (t) => {
  const { ask, url, backend } = await start(
    t,
    { secret: JWT_SECRET },
    { identityHeaders: { 'X-User': 'sub', 'x-scopes': 'scope', 'x-org': 'org.id', 'x-name': 'name' } },
  )
  const token = forge({ alg: 'HS256' }, { ...claims, org: { id: 7 }, name: 'Zoë\r\nx-admin: yes' })
  await fetch(`${url}/read`, {
    headers: {
      authorization: `Bearer ${token}`,
      'x-user': 'root',
      'x-org': '1',
      'x-scopes': 'admin',
      'x-name': 'root',
    },
  })
  const seen = backend.received[0]!.headers
  assert.equal(seen['x-user'], 'me')
  assert.equal(seen['x-scopes'], 'a:read')
  assert.equal(seen['x-org'], '7')
  assert.equal(seen['x-name'], 'Zo%C3%AB%0D%0Ax-admin: yes')
  assert.equal(seen['x-admin'], undefined)
  assert.equal(seen.authorization, undefined, 'the gateway keeps the token')
  await fetch(`${url}/open`, { headers: { authorization: 'Bearer theirs', 'x-user': 'root' } })
  assert.equal(backend.received[1]!.headers['x-user'], undefined, 'removed on open routes too')
  assert.equal(
    backend.received[1]!.headers.authorization,
    undefined,
    'what a route of the host reads, its open routes withhold',
  )
  await ask('/read', `Bearer ${forge({ alg: 'HS256' }, claims)}`)
  assert.equal(backend.received[2]!.headers['x-org'], undefined)
})

test('forwardCredentials sends the token on', async (t) => {
  const { ask, backend } = await start(t, { secret: JWT_SECRET }, { forwardCredentials: true })
  await ask('/read', `Bearer ${good}`)
  assert.equal(backend.received[0]!.headers.authorization, `Bearer ${good}`)
})
