import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Consumer } from '../../../src/auth/auth-schema.ts'
import { JwtScheme, type VerifySignature } from '../../../src/auth/jwt/jwt-scheme.ts'

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
const tokenOf = (header: unknown = { alg: 'HS256' }, signature = 'good'): string => `${part(header)}.${part({})}.${signature}`

/** A verifier whose signatures are all right, and how often it was asked. */
function counting (claims: Record<string, unknown> = { sub: 'ada' }, { now, cacheSize = 10, clockTolerance = 0 }: { now?: () => number, cacheSize?: number, clockTolerance?: number } = {}) {
  const seen: string[] = []
  const verify: VerifySignature = (token) => {
    seen.push(token)
    if (now && typeof claims.exp === 'number' && now() > claims.exp * 1000 + clockTolerance) throw Object.assign(new Error('secret inner words'), { code: 'FAST_JWT_EXPIRED' })
    return { ...claims }
  }
  return { verifier: new JwtScheme({ cacheSize, clockTolerance }, verify, now), seen }
}

/** Asks as the authenticator does: what is known first. */
const ask = (scheme: JwtScheme, headers: { authorization?: string }, rawHeaders: readonly string[] = [], socket?: object): Consumer => {
  const request = { headers, ip: '', raw: { rawHeaders, socket: socket as never } }
  return scheme.recall(request) ?? scheme.authenticate(request)
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
  for (const scheme of ['Bearer', 'bearer', 'BEARER', 'bEaReR', 'Bearer ', 'Bearer   ']) assert.equal(ask(verifier, { authorization: `${scheme} ${tokenOf()}` }).id, 'ada')
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
  const tokens = [tokenOf(), tokenOf({ alg: 'HS256', kid: 'x' }), tokenOf(undefined, 'gooe'), tokenOf(undefined, 'good2')]
  for (const token of tokens) ask(verifier, { authorization: `Bearer ${token}` })
  assert.deepEqual(seen, tokens)
})

test('more than one Authorization header is refused, also when the first is good and known', () => {
  const { verifier } = counting()
  const authorization = `Bearer ${tokenOf()}`
  ask(verifier, { authorization }, ['Host', 'x', 'Authorization', authorization])
  for (const second of ['authorization', 'AUTHORIZATION', 'Authorization']) {
    assert.match(challenge(() => ask(verifier, { authorization }, ['Authorization', authorization, 'Host', 'x', second, 'Basic x'])), /error="invalid_token"/)
  }
  assert.match(challenge(() => ask(verifier, { authorization: [authorization, authorization] as never })), /error="invalid_token"/)
})

test('nothing is said about an error when no bearer credentials came', () => {
  const { verifier } = counting()
  for (const authorization of [undefined, '', 'Basic bWU6bWU=', 'Digest x', 'Bearerx', 'Token a.b.c', ' ']) {
    assert.equal(challenge(() => ask(verifier, { authorization })), 'Bearer realm="gatehouse"', JSON.stringify(authorization))
  }
})

test('garbage is refused before anything is computed', () => {
  const { verifier, seen } = counting()
  const longest = `${part({ alg: 'HS256' })}.e30.`
  for (const authorization of ['Bearer', 'Bearer ', 'Bearer a', 'Bearer a.b', 'Bearer a.b.', 'Bearer .b.c', 'Bearer a.b.c.d', 'Bearer a.b.c d', 'Bearer\ta.b.c', 'Bearer a.b.c=', 'Bearer a.b.c, Bearer a.b.c', 'Bearer ä.b.c', `Bearer ${longest}${'x'.repeat(8193 - longest.length)}`, `Bearer ${' '.repeat(20_000)}x`]) {
    assert.match(challenge(() => ask(verifier, { authorization })), /^Bearer realm="gatehouse"(, error="invalid_token", error_description="[\w -]+")?$/)
  }
  assert.equal(seen.length, 0)
  ask(verifier, { authorization: `Bearer ${longest}${'x'.repeat(8192 - longest.length)}` })
  assert.equal(seen.length, 1, 'exactly 8 KiB passes')
})

test('a crit header is refused whatever it holds, before the signature is looked at', () => {
  const { verifier, seen } = counting()
  for (const crit of [['x'], ['b64'], ['alg'], [], null, false, 0, '', {}]) challenge(() => ask(verifier, { authorization: `Bearer ${tokenOf({ alg: 'HS256', crit })}` }))
  challenge(() => ask(verifier, { authorization: `Bearer ${tokenOf(null)}` }))
  assert.equal(seen.length, 0)
})

test('the answer never says what went wrong inside', () => {
  const verifier = new JwtScheme({ cacheSize: 10, clockTolerance: 0 }, () => { throw new Error('inner words') })
  assert.throws(() => ask(verifier, { authorization: `Bearer ${tokenOf()}` }), (error: any) => {
    assert.ok(!JSON.stringify([error.message, error.headers]).includes('inner'))
    assert.equal(error.cause.message, 'inner words', 'the log learns it')
    return true
  })
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
  const show = (authorization: string, rawHeaders: string[] = []) => ask(verifier, { authorization }, rawHeaders, connection)
  const authorization = `Bearer ${tokenOf()}`
  assert.equal(show(authorization), show(authorization))
  show(`Bearer ${tokenOf(undefined, 'other')}`)
  assert.equal(seen.length, 2, 'another signature is another token')
  challenge(() => show(authorization, ['Authorization', authorization, 'authorization', 'Basic x']))
  now = 1_000_060_001
  challenge(() => show(authorization))
  challenge(() => show(`Bearer ${tokenOf(undefined, 'other')}`))
})
