import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { readJwkSet, readKeyText } from '../../../src/auth/jwt/jwk-set.ts'
import { jwkOf } from './issuer.ts'
import { ed25519, type KeyPair, p256, p384, p521, privatePem, publicPem, rsa } from './key-pairs.ts'

const small = generateKeyPairSync('rsa', { modulusLength: 1024 }) as KeyPair
const bytes = (length: number): string => Buffer.alloc(length, 7).toString('base64url')

test('reads every kind of key, and what it is for', () => {
  const { keys, ignored } = readJwkSet({
    keys: [
      jwkOf(rsa, { kid: 'a' }),
      jwkOf(p256),
      jwkOf(p384, { use: undefined, key_ops: ['verify'] }),
      jwkOf(p521),
      jwkOf(ed25519, { alg: 'EdDSA' }),
      jwkOf(rsa, { alg: 'PS256' }),
    ],
  })
  assert.deepEqual(ignored, [])
  assert.deepEqual(
    keys.map(({ kid, algorithms }) => [kid, algorithms.join(' ')]),
    [
      ['a', 'RS256 RS384 RS512 PS256 PS384 PS512'],
      [undefined, 'ES256'],
      [undefined, 'ES384'],
      [undefined, 'ES512'],
      [undefined, 'EdDSA'],
      [undefined, 'PS256'],
    ],
  )
  assert.equal(keys[1]!.key, publicPem(p256))
})

const IGNORED: [string, unknown, RegExp][] = [
  ['one for encryption', jwkOf(rsa, { use: 'enc', kid: 'x' }), /^key 1 \(x\): it is not for signatures/],
  ['one for other operations', jwkOf(rsa, { key_ops: ['wrapKey'] }), /not for verifying/],
  ['a small one', jwkOf(small), /1024 bits: at least 2048/],
  ['another curve', jwkOf(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }) as KeyPair), /secp256k1/],
  ['another kind', jwkOf(generateKeyPairSync('x25519') as KeyPair), /x25519/],
  ['an unknown kind', { kty: 'AKP', alg: 'ML-DSA-44', pub: 'x' }, /cannot be read/],
  ['an alg of another kind', jwkOf(rsa, { alg: 'ES256' }), /its alg does not fit/],
  ['an alg of HMAC', jwkOf(rsa, { alg: 'HS256' }), /its alg does not fit/],
  ['alg none', jwkOf(rsa, { alg: 'none' }), /its alg does not fit/],
  ['a private key', { ...p256.privateKey.export({ format: 'jwk' }) }, /private key/],
  ['a shared secret', { kty: 'oct', k: bytes(64) }, /shared secret, which cannot be public/],
  ['a point beside the curve', jwkOf(p256, { x: bytes(32) }), /cannot be read/],
  ['numbers that are none', jwkOf(rsa, { n: [1] }), /cannot be read/],
  ['an exponent of 1', jwkOf(rsa, { e: 'AQ' }), /protects nothing|cannot be read/],
  ['a kid that is no text', jwkOf(rsa, { kid: 1 }), /its kid is no text/],
  ['null', null, /is no JSON object/],
  ['text', 'x', /is no JSON object/],
]
for (const [what, jwk, reason] of IGNORED) {
  test(`passes over ${what}, and says why`, () => {
    const { keys, ignored } = readJwkSet({ keys: [jwk, jwkOf(p256, { kid: 'good' })] })
    assert.deepEqual(
      keys.map(({ kid }) => kid),
      ['good'],
    )
    assert.equal(ignored.length, 1)
    assert.match(ignored[0]!, reason)
  })
}

test('what the configuration accepts narrows what keys are for', () => {
  const { keys, ignored } = readJwkSet({ keys: [jwkOf(rsa), jwkOf(p256)] }, { algorithms: ['RS256'] })
  assert.deepEqual(
    keys.map(({ algorithms }) => algorithms),
    [['RS256']],
  )
  assert.match(ignored[0]!, /ES256, which the configuration does not accept/)
})

test('shared secrets are taken where they may be, for what they are long enough', () => {
  const { keys, ignored } = readJwkSet(
    { keys: [32, 48, 64, 31].map((length) => ({ kty: 'oct', k: bytes(length) })) },
    { secrets: true },
  )
  assert.deepEqual(
    keys.map(({ algorithms }) => algorithms.join(' ')),
    ['HS256', 'HS256 HS384', 'HS256 HS384 HS512'],
  )
  assert.match(ignored[0]!, /31 bytes: at least 32/)
})

test('a text may be PEM, several of it, a JWK or a set', () => {
  const count = (text: string) => readKeyText(text).keys.length
  assert.equal(count(publicPem(rsa)), 1)
  assert.equal(
    count(`# keys\n${publicPem(rsa)}\n${publicPem(p256)}${rsa.publicKey.export({ type: 'pkcs1', format: 'pem' })}`),
    3,
  )
  assert.equal(count(`  ${JSON.stringify(jwkOf(rsa))}`), 1)
  assert.equal(count(JSON.stringify({ keys: [jwkOf(rsa), jwkOf(p256)] })), 2)
  assert.equal(count('{"keys":[]}'), 0)
  for (const [text, reason] of [
    ['', /holds 0 keys/],
    ['x', /holds 0 keys/],
    [publicPem(rsa) + privatePem(rsa), /private key/],
    ['{"keys":', /not valid JSON/],
    ['{"a":1}', /no list "keys"/],
    [JSON.stringify({ keys: Array(101).fill(jwkOf(p256)) }), /101 keys: at most 100/],
  ] as const) {
    assert.throws(() => readKeyText(text), { message: reason })
  }
})
