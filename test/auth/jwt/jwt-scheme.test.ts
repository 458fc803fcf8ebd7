import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Consumer } from '../../../src/auth/auth-schema.ts'
import { JwtScheme } from '../../../src/auth/jwt/jwt-scheme.ts'
import type { JwtSettings } from '../../../src/auth/jwt/jwt-schema.ts'
import { KeySet } from '../../../src/auth/jwt/verification-key.ts'
import { RevocationList } from '../../../src/auth/jwt/token-revocation.ts'
import { TokenVerifier } from '../../../src/auth/jwt/token-verifier.ts'

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
const tokenOf = (header: unknown = { alg: 'HS256' }, signature = 'good'): string =>
  `${part(header)}.${part({})}.${signature}`

interface Options {
  now?: () => number
  cacheSize?: number
  clockTolerance?: number
  token?: JwtSettings['token']
  fail?: Error
}

/** A scheme to which all signatures are right, and how often one was checked. */
function counting(
  claims: Record<string, unknown> = { sub: 'ada' },
  { now, cacheSize = 10, clockTolerance = 0, token, fail }: Options = {},
) {
  const seen: string[] = []
  const key = { key: 'k', algorithms: ['HS256' as const] }
  const keys = new KeySet([key])
  const revoked = new RevocationList()
  const verifier = new TokenVerifier(
    [{ keys }],
    { clockTolerance },
    (token) => {
      seen.push(token)
      if (fail) throw fail
      if (now && typeof claims.exp === 'number' && now() > claims.exp * 1000 + clockTolerance) {
        throw Object.assign(new Error('secret inner words'), { code: 'FAST_JWT_EXPIRED' })
      }
      return { ...claims }
    },
    now,
  )
  return { verifier: new JwtScheme({ cacheSize, token }, verifier, [revoked], now), seen, keys, key, revoked }
}

type Headers = Record<string, string | undefined>
const requestOf = (headers: Headers, rawHeaders: readonly string[] = [], socket?: object, url?: string) => ({
  headers,
  ip: '',
  raw: { rawHeaders, socket: socket as never, url },
})

/** Asks as the authenticator does: what is known first. */
const ask = (
  scheme: JwtScheme,
  headers: Headers,
  rawHeaders: readonly string[] = [],
  socket?: object,
  url?: string,
): Consumer => {
  const request = requestOf(headers, rawHeaders, socket, url)
  return scheme.recall(request) ?? (scheme.authenticate(request) as Consumer)
}

const challenge = (ask: () => unknown): string => {
  try {
    ask()
  } catch (error: any) {
    assert.equal(error.code, 'GW_UNAUTHORIZED')
    return error.headers['www-authenticate']
  }
  return assert.fail('was let through')
}

test('a token is verified once, however its scheme is written', () => {
  const { verifier, seen } = counting()
  for (const scheme of ['Bearer', 'bearer', 'BEARER', 'bEaReR', 'Bearer ', 'Bearer   ']) {
    assert.equal(ask(verifier, { authorization: `${scheme} ${tokenOf()}` }).id, 'ada')
  }
  assert.equal(seen.length, 1)
  assert.equal(seen[0], tokenOf())
})

test('a token that expires while it is remembered is refused', () => {
  let now = 1_000_000_000
  const { verifier, seen } = counting({ sub: 'ada', exp: 1_000_060 }, { now: () => now, clockTolerance: 5000 })
  const again = () => ask(verifier, { authorization: `Bearer ${tokenOf()}` })
  again()
  now += 64_999
  again()
  assert.equal(seen.length, 1)
  now += 2
  assert.equal(challenge(again), 'Bearer realm="gatehouse", error="invalid_token", error_description="it has expired"')
  assert.equal(challenge(again), 'Bearer realm="gatehouse", error="invalid_token", error_description="it has expired"')
})

test('with a clock set back, a remembered token is not valid before its nbf', () => {
  let now = 2_000_000
  const { verifier, seen } = counting({ sub: 'ada', nbf: 1000 }, { now: () => now })
  ask(verifier, { authorization: `Bearer ${tokenOf()}` })
  now = 999_999
  ask(verifier, { authorization: `Bearer ${tokenOf()}` })
  assert.equal(seen.length, 2, 'asked again')
})

test('tokens of one signature or one payload do not pass for each other', () => {
  const { verifier, seen } = counting()
  const tokens = [
    tokenOf(),
    tokenOf({ alg: 'HS256', kid: 'x' }),
    tokenOf(undefined, 'gooe'),
    tokenOf(undefined, 'goodgood'),
  ]
  for (const token of tokens) ask(verifier, { authorization: `Bearer ${token}` })
  assert.deepEqual(seen, tokens)
})

test('more than one Authorization header is refused, also when the first is good and known', () => {
  const { verifier } = counting()
  const authorization = `Bearer ${tokenOf()}`
  ask(verifier, { authorization }, ['Host', 'x', 'Authorization', authorization])
  for (const second of ['authorization', 'AUTHORIZATION', 'Authorization']) {
    assert.match(
      challenge(() =>
        ask(verifier, { authorization }, ['Authorization', authorization, 'Host', 'x', second, 'Basic x']),
      ),
      /error="invalid_token"/,
    )
  }
  assert.match(
    challenge(() => ask(verifier, { authorization: [authorization, authorization] as never })),
    /error="invalid_token"/,
  )
})

test('nothing is said about an error when no bearer credentials came', () => {
  const { verifier } = counting()
  for (const authorization of [undefined, '', 'Basic bWU6bWU=', 'Digest x', 'Bearerx', 'Token a.b.c', ' ']) {
    assert.equal(
      challenge(() => ask(verifier, { authorization })),
      'Bearer realm="gatehouse"',
      JSON.stringify(authorization),
    )
  }
})

test('garbage is refused before anything is computed', () => {
  const { verifier, seen } = counting()
  const longest = `${part({ alg: 'HS256' })}.e30.`
  for (const authorization of [
    'Bearer',
    'Bearer ',
    'Bearer a',
    'Bearer a.b',
    'Bearer a.b.',
    'Bearer .b.c',
    'Bearer a.b.c.d',
    'Bearer a.b.c d',
    'Bearer\ta.b.c',
    'Bearer a.b.c=',
    'Bearer a.b.c, Bearer a.b.c',
    'Bearer ä.b.c',
    `Bearer ${longest}${'A'.repeat(8193 - longest.length)}`,
    `Bearer ${' '.repeat(20_000)}x`,
  ]) {
    assert.match(
      challenge(() => ask(verifier, { authorization })),
      /^Bearer realm="gatehouse"(, error="invalid_token", error_description="[\w -]+")?$/,
    )
  }
  assert.equal(seen.length, 0)
  ask(verifier, { authorization: `Bearer ${longest}${'A'.repeat(8192 - longest.length)}` })
  assert.equal(seen.length, 1, 'exactly 8 KiB passes')
})

test('a crit header is refused whatever it holds, before the signature is looked at', () => {
  const { verifier, seen } = counting()
  for (const crit of [['x'], ['b64'], ['alg'], [], null, false, 0, '', {}]) {
    challenge(() => ask(verifier, { authorization: `Bearer ${tokenOf({ alg: 'HS256', crit })}` }))
  }
  challenge(() => ask(verifier, { authorization: `Bearer ${tokenOf(null)}` }))
  assert.equal(seen.length, 0)
})

test('the answer never says what went wrong inside', () => {
  const { verifier } = counting({}, { fail: new Error('inner words') })
  assert.throws(
    () => ask(verifier, { authorization: `Bearer ${tokenOf()}` }),
    (error: any) => {
      assert.ok(!JSON.stringify([error.message, error.headers]).includes('inner'))
      assert.equal(error.cause.message, 'inner words', 'the log learns it')
      return true
    },
  )
})

test('a bad token is never remembered, and cacheSize 0 remembers none', () => {
  const { verifier, seen } = counting({ scope: 'a' })
  for (let i = 0; i < 3; i++) challenge(() => ask(verifier, { authorization: `Bearer ${tokenOf()}` }))
  assert.equal(seen.length, 3)
  const forgetful = counting({ sub: 'ada' }, { cacheSize: 0 })
  for (let i = 0; i < 3; i++) ask(forgetful.verifier, { authorization: `Bearer ${tokenOf()}` })
  assert.equal(forgetful.seen.length, 3)
})

test('what a connection has shown last is compared as a whole, and only while it is valid', () => {
  let now = 1_000_000_000
  const { verifier, seen } = counting({ sub: 'ada', exp: 1_000_060 }, { now: () => now })
  const connection = {}
  const show = (authorization: string, rawHeaders: string[] = []) =>
    ask(verifier, { authorization }, rawHeaders, connection)
  const authorization = `Bearer ${tokenOf()}`
  assert.equal(show(authorization), show(authorization))
  show(`Bearer ${tokenOf(undefined, 'othr')}`)
  assert.equal(seen.length, 2, 'another signature is another token')
  challenge(() => show(authorization, ['Authorization', authorization, 'authorization', 'Basic x']))
  now = 1_000_060_001
  challenge(() => show(authorization))
  challenge(() => show(`Bearer ${tokenOf(undefined, 'othr')}`))
})

test('a token whose key is withdrawn is no longer known, on its connection neither', () => {
  const { verifier, seen, keys, key } = counting()
  const connection = {}
  const show = () => ask(verifier, { authorization: `Bearer ${tokenOf()}` }, [], connection)
  show()
  assert.equal(keys.replace([{ ...key }]), false, 'the same key again')
  show()
  assert.equal(seen.length, 1)
  assert.equal(keys.replace([{ ...key, key: 'other' }]), true)
  show()
  assert.equal(seen.length, 2, 'verified again')
  keys.replace([])
  challenge(show)
})

test('a revoked token is refused, however well it is known', () => {
  const { verifier, revoked } = counting({ sub: 'ada', jti: 'j1', iat: 1000 })
  const connection = {}
  const show = () => ask(verifier, { authorization: `Bearer ${tokenOf()}` }, [], connection)
  const text = 'Bearer realm="gatehouse", error="invalid_token", error_description="it has been revoked"'
  for (const entry of [{ jti: 'j1' }, { sub: 'ada' }, { sub: 'ada', before: '1970-01-01T00:16:41Z' }]) {
    revoked.replace([])
    show()
    revoked.replace([entry])
    assert.equal(challenge(show), text)
  }
  revoked.replace([{ jti: 'j2' }, { sub: 'bob' }, { sub: 'ada', before: '1970-01-01T00:16:40Z' }])
  show()
})

test('other bearer tokens are for another scheme, though alone this one refuses them', () => {
  const { verifier } = counting()
  const presented = (authorization?: string) => verifier.isPresented(requestOf({ authorization }))
  assert.equal(presented(`Bearer ${tokenOf()}`), true)
  for (const authorization of [
    undefined,
    'Basic bWU6bWU=',
    'Bearer',
    'Bearer opaque',
    'Bearer a.b',
    'Bearer a.b.c.d.e',
    'Bearer a.b.c/d',
  ]) {
    assert.equal(presented(authorization), false, String(authorization))
  }
  assert.match(
    challenge(() => ask(verifier, { authorization: 'Bearer opaque' })),
    /error="invalid_token"/,
  )
})

const token = tokenOf()
const anywhere = { header: 'authorization', cookie: 'session', query: 'access_token' }
const PLACES: [string, JwtSettings['token'], Headers, string][] = [
  ['a header of its own', { header: 'X-Token' }, { 'x-token': token }, '/'],
  ['a header of its own with a word', { header: 'x-token', scheme: 'JWT' }, { 'x-token': `JWT ${token}` }, '/'],
  ['Authorization without a word', { header: 'authorization', scheme: '' }, { authorization: token }, '/'],
  [
    'a cookie',
    { header: false, cookie: 'session' },
    { authorization: 'Basic x', cookie: `a=b; session=${token}; c=d` },
    '/',
  ],
  ['the query', { header: false, query: 'access_token' }, {}, `/x?a=b&access_token=${token}`],
  ['any place: header', anywhere, { authorization: `Bearer ${token}`, cookie: 'other=x' }, '/x?a=b'],
  ['any place: cookie', anywhere, { authorization: 'Basic bWU6bWU=', cookie: `session=${token}` }, '/x'],
  ['any place: query', anywhere, {}, `/x?access_token=${token}`],
]
for (const [what, place, headers, url] of PLACES) {
  test(`finds the token in ${what}, and remembers it`, () => {
    const { verifier, seen } = counting(undefined, { token: place })
    assert.ok(verifier.isPresented(requestOf(headers, [], undefined, url)))
    const connection = {}
    for (let i = 0; i < 3; i++) assert.equal(ask(verifier, headers, [], connection, url).id, 'ada')
    assert.deepEqual(seen, [token])
    assert.ok(verifier.recall(requestOf(headers, [], connection, url)))
  })
}

const TWICE: [string, Headers, string][] = [
  ['header and cookie', { authorization: `Bearer ${token}`, cookie: `session=${token}` }, '/'],
  ['header and query', { authorization: `Bearer ${token}` }, `/?access_token=${token}`],
  ['cookie and query', { cookie: `session=${token}` }, `/?access_token=${token}`],
  ['an opaque bearer token and a cookie', { authorization: 'Bearer opaque', cookie: `session=${token}` }, '/'],
  ['two cookies', { cookie: `session=${token}; session=x` }, '/'],
  ['two parameters', {}, `/?access_token=${token}&access_token=x`],
  ['a parameter under an encoded name', {}, `/?access_token=x&access%5ftoken=${token}`],
]
for (const [what, headers, url] of TWICE) {
  test(`a request with ${what} is refused, known or not`, () => {
    const { verifier } = counting(undefined, { token: anywhere })
    ask(verifier, { authorization: `Bearer ${token}` })
    assert.equal(verifier.recall(requestOf(headers, [], undefined, url)), null)
    assert.match(
      challenge(() => ask(verifier, headers, [], undefined, url)),
      /error="invalid_token"/,
    )
  })
}

test('says where credentials stand, for whoever has to keep them from the upstream', () => {
  const place = (token?: JwtSettings['token']) => counting(undefined, { token }).verifier
  assert.deepEqual(place().credentials, { headers: ['authorization'], cookies: [], query: [] })
  assert.deepEqual(place({ header: 'X-Token', cookie: 'c', query: 'q' }).credentials, {
    headers: ['x-token'],
    cookies: ['c'],
    query: ['q'],
  })
  assert.deepEqual(place({ header: false, cookie: 'c' }).credentials, { headers: [], cookies: ['c'], query: [] })
  assert.deepEqual(place().security, { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' })
  assert.deepEqual(place({ header: 'x-token' }).security, { type: 'apiKey', in: 'header', name: 'x-token' })
  assert.deepEqual(place({ header: false, cookie: 'c' }).security, { type: 'apiKey', in: 'cookie', name: 'c' })
  assert.deepEqual(place({ header: false, query: 'q' }).security, { type: 'apiKey', in: 'query', name: 'q' })
  assert.throws(() => place({ header: false }), /jwt\.token\.header: is false, and there is no other place/)
})
