import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { createVerifier } from 'fast-jwt'
import { readJwkSet } from '../../../src/auth/jwt/jwk-set.ts'
import { KeySet, type KeySource } from '../../../src/auth/jwt/verification-key.ts'
import { TokenVerifier, type TrustedIssuer, type VerifiedToken } from '../../../src/auth/jwt/token-verifier.ts'
import { jwkOf, now, signed } from './issuer.ts'
import { ed25519, type KeyPair, p256, rsa } from './key-pairs.ts'

const keysOf = (...jwks: object[]): KeySet => new KeySet(readJwkSet({ keys: jwks }).keys)
// as @fastify/jwt does, which takes seconds for `maxAge`
const verifierOf = (issuers: TrustedIssuer[], clock?: () => number): TokenVerifier =>
  new TokenVerifier(
    issuers,
    { clockTolerance: 5000 },
    (token, { maxAge, ...options }) =>
      createVerifier({ ...options, ...(maxAge === undefined ? {} : { maxAge: maxAge * 1000 }) } as never)(token),
    clock,
  )
const token = (pair: KeyPair, header: object, claims: object = {}): string =>
  signed(pair.privateKey, header, { sub: 'ada', exp: now() + 60, ...claims })

const reason = (verify: () => unknown): string => {
  try {
    verify()
  } catch (error: any) {
    return /error_description="(.*)"/.exec(error.headers['www-authenticate'])![1]!
  }
  return assert.fail('was let through')
}
const idOf = (found: VerifiedToken | Promise<VerifiedToken>): string => (found as VerifiedToken).consumer.id

const OTHER_KEY = 'it is signed with another key than this gateway knows, or was changed after it was signed'

test('a token that another key has signed says so, as does one that was changed', () => {
  const verifier = verifierOf([{ keys: keysOf(jwkOf(rsa)) }])
  const [head, claims] = token(rsa, { alg: 'RS256' }).split('.')
  const [, others, signature] = token(rsa, { alg: 'RS256' }, { sub: 'eve' }).split('.')
  assert.equal(
    reason(() => verifier.verify(token(generateKeyPairSync('rsa', { modulusLength: 2048 }), { alg: 'RS256' }))),
    OTHER_KEY,
  )
  assert.equal(
    reason(() => verifier.verify([head, claims, signature].join('.'))),
    OTHER_KEY,
  )
  assert.notEqual(claims, others)
})

test('the key of the name counts, whatever other keys could do', () => {
  const verifier = verifierOf([{ keys: keysOf(jwkOf(rsa, { kid: 'a' }), jwkOf(p256, { kid: 'b' })) }])
  assert.equal(idOf(verifier.verify(token(rsa, { alg: 'RS256', kid: 'a' }))), 'ada')
  assert.equal(idOf(verifier.verify(token(p256, { alg: 'ES256', kid: 'b' }))), 'ada')
  assert.equal(
    reason(() => verifier.verify(token(p256, { alg: 'ES256', kid: 'a' }))),
    'its algorithm is not accepted',
  )
  assert.equal(
    reason(() => verifier.verify(token(rsa, { alg: 'RS256', kid: 'c' }))),
    OTHER_KEY,
  )
  assert.equal(
    reason(() => verifier.verify(token(ed25519, { alg: 'EdDSA', kid: 'a' }))),
    'its algorithm is not accepted',
  )
})

test('a token that names no key is tried with all, and a key without a name with all tokens', () => {
  const verifier = verifierOf([{ keys: keysOf(jwkOf(ed25519, { kid: 'a' }), jwkOf(p256), jwkOf(rsa, { kid: 'c' })) }])
  assert.equal(idOf(verifier.verify(token(rsa, { alg: 'PS384' }))), 'ada')
  assert.equal(idOf(verifier.verify(token(p256, { alg: 'ES256', kid: 'whatever' }))), 'ada')
})

test('several keys of one name are tried in turn', () => {
  const other = rsa
  const verifier = verifierOf([{ keys: keysOf(jwkOf(p256, { kid: 'a' }), jwkOf(other, { kid: 'a' })) }])
  assert.equal(idOf(verifier.verify(token(other, { alg: 'RS256', kid: 'a' }))), 'ada')
})

test('the alg of a key is respected, though the key could do more', () => {
  const verifier = verifierOf([{ keys: keysOf(jwkOf(rsa, { alg: 'PS256' })) }])
  assert.equal(idOf(verifier.verify(token(rsa, { alg: 'PS256' }))), 'ada')
  assert.equal(
    reason(() => verifier.verify(token(rsa, { alg: 'RS256' }))),
    'its algorithm is not accepted',
  )
})

test('of several issuers the iss decides, with its own keys, rules and ids', () => {
  const a: TrustedIssuer = {
    issuer: 'https://a.test',
    keys: keysOf(jwkOf(rsa)),
    idPrefix: 'https://a.test|',
    audience: 'api',
  }
  const b: TrustedIssuer = {
    issuer: 'https://b.test',
    keys: keysOf(jwkOf(p256)),
    idPrefix: '',
    claims: { id: 'email', groups: 'realm_access.roles', scopes: 'https://b.test/scopes' },
  }
  const verifier = verifierOf([a, b])
  assert.equal(idOf(verifier.verify(token(rsa, { alg: 'RS256' }, { iss: a.issuer, aud: 'api' }))), 'https://a.test|ada')
  const found = verifier.verify(
    token(
      p256,
      { alg: 'ES256' },
      { iss: b.issuer, email: 'ada@b.test', realm_access: { roles: ['admin'] }, 'https://b.test/scopes': ['x', 'y'] },
    ),
  ) as VerifiedToken
  assert.deepEqual(
    [found.consumer.id, found.consumer.groups, found.consumer.scopes],
    ['ada@b.test', ['admin'], ['x', 'y']],
  )
  assert.equal(
    reason(() => verifier.verify(token(rsa, { alg: 'RS256' }, { iss: b.issuer, email: 'x' }))),
    'its algorithm is not accepted',
    'keys of a say nothing for b',
  )
  assert.equal(
    reason(() => verifier.verify(token(rsa, { alg: 'RS256' }, { iss: a.issuer, aud: 'other' }))),
    'its issuer or audience is not accepted',
  )
  for (const iss of [
    'https://c.test',
    'https://a.test/',
    '',
    undefined,
    ['https://a.test'],
    null,
    1,
    { toString: 'https://a.test' },
  ]) {
    assert.equal(
      reason(() => verifier.verify(token(rsa, { alg: 'RS256' }, { iss, aud: 'api' }))),
      'its issuer or audience is not accepted',
      JSON.stringify(iss),
    )
  }
  assert.equal(
    reason(() => verifier.verify(token(p256, { alg: 'ES256' }, { iss: b.issuer }))),
    'it does not say whose it is',
    'no falling back to sub',
  )
})

test('typ is checked on wish, without regard to capitals and to what may be left out', () => {
  for (const typ of ['at+jwt', 'application/at+jwt', 'AT+JWT']) {
    const verifier = verifierOf([{ keys: keysOf(jwkOf(p256)), typ }])
    for (const good of ['at+jwt', 'AT+JWT', 'application/at+jwt', 'Application/At+JWT']) {
      assert.equal(idOf(verifier.verify(token(p256, { alg: 'ES256', typ: good }))), 'ada')
    }
    for (const bad of ['JWT', 'id+jwt', '', undefined, null, ['at+jwt'], 'at+jwt ']) {
      assert.equal(
        reason(() => verifier.verify(token(p256, { alg: 'ES256', typ: bad }))),
        'its type is not accepted',
        JSON.stringify(bad),
      )
    }
  }
})

test('maxAge counts from iat, which must be there and not in the future', () => {
  const verifier = verifierOf([{ keys: keysOf(jwkOf(p256)), maxAge: '1 minute' }])
  const at = (iat: number | undefined) =>
    verifier.verify(token(p256, { alg: 'ES256' }, { iat, exp: now() + 9999 })) as VerifiedToken
  const iat = now() - 30
  assert.equal(at(iat).until, (iat + 60) * 1000 + 5000, 'remembered no longer than that')
  assert.equal(idOf(at(now() + 3)), 'ada', 'clocks may disagree')
  assert.equal(
    reason(() => at(now() - 120)),
    'it has expired',
  )
  assert.equal(
    reason(() => at(now() + 60)),
    'it is not valid yet',
  )
  assert.equal(
    reason(() => at(undefined)),
    'a required claim is missing',
  )
})

test('a token that is bound to a key is no bearer token', () => {
  const verifier = verifierOf([{ keys: keysOf(jwkOf(p256)) }])
  assert.equal(
    reason(() => verifier.verify(token(p256, { alg: 'ES256' }, { cnf: { jkt: 'x' } }))),
    'it cannot be verified',
  )
})

test('new keys are asked for only when no key of the name is known, and a promise is made only then', async () => {
  const keys = keysOf(jwkOf(rsa, { kid: 'a' }))
  let renewals = 0
  const source: KeySource = {
    current: () => keys.current(),
    renewed: async () => {
      renewals++
      keys.replace(readJwkSet({ keys: [jwkOf(rsa, { kid: 'a' }), jwkOf(p256, { kid: 'b' })] }).keys)
      return keys.current()
    },
  }
  const verifier = verifierOf([{ keys: source }])
  verifier.verify(token(rsa, { alg: 'RS256', kid: 'a' }))
  reason(() => verifier.verify(`${token(rsa, { alg: 'RS256', kid: 'a' }).slice(0, -4)}AAAA`))
  reason(() => verifier.verify(token(rsa, { alg: 'RS256', kid: 'a' }, { exp: 1 })))
  assert.equal(renewals, 0)
  assert.equal((await verifier.verify(token(p256, { alg: 'ES256', kid: 'b' }))).consumer.id, 'ada')
  assert.equal(renewals, 1)
  await assert.rejects(verifier.verify(token(p256, { alg: 'ES256', kid: 'c' })) as Promise<unknown>, {
    code: 'GW_UNAUTHORIZED',
  })
  assert.equal(renewals, 2)
})
