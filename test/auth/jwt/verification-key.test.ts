import assert from 'node:assert/strict'
import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import type { JwtSettings } from '../../../src/auth/jwt/jwt-schema.ts'
import { verificationKey } from '../../../src/auth/jwt/verification-key.ts'
import { ed25519, type KeyPair, p256, p384, p521, privatePem, publicPem, rsa, rsaPss, settings } from './key-pairs.ts'

const SECRET = 'a secret for tests, long enough for HS256'
const RS_PS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']
const pss = (options: object): KeyPair => generateKeyPairSync('rsa-pss', { modulusLength: 2048, ...options }) as KeyPair

const ALGORITHMS: [string, KeyPair, string[]][] = [
  ['RSA', rsa, RS_PS],
  ['RSA-PSS', rsaPss, ['PS256', 'PS384', 'PS512']],
  [
    'RSA-PSS bound to SHA-384',
    pss({ hashAlgorithm: 'sha384', mgf1HashAlgorithm: 'sha384', saltLength: 48 }),
    ['PS384'],
  ],
  [
    'RSA-PSS with a salt of at least 40 bytes',
    pss({ hashAlgorithm: 'sha512', mgf1HashAlgorithm: 'sha512', saltLength: 40 }),
    ['PS512'],
  ],
  ['P-256', p256, ['ES256']],
  ['P-384', p384, ['ES384']],
  ['P-521', p521, ['ES512']],
  ['Ed25519', ed25519, ['EdDSA']],
]
for (const [kind, pair, algorithms] of ALGORITHMS) {
  test(`a key of ${kind} allows ${algorithms.join(', ')}`, () => {
    const publicKey = publicPem(pair)
    assert.deepEqual(verificationKey(settings({ publicKey })).algorithms, algorithms)
    assert.deepEqual(verificationKey(settings({ publicKey: `\n  ${publicKey}\n` })).algorithms, algorithms)
  })
}

test('no key is so small that its numbers can be guessed, or so large that checking takes long', () => {
  // createPublicKey takes any numbers
  const jwk = { ...rsa.publicKey.export({ format: 'jwk' }), e: 'AQ' }
  const publicKey = createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' }) as string
  assert.throws(() => verificationKey(settings({ publicKey })), /exponent protects nothing/)
})

test('a secret allows HMAC alone, and the configuration narrows what a key allows', () => {
  assert.deepEqual(verificationKey(settings({ secret: SECRET })), {
    key: SECRET,
    algorithms: ['HS256', 'HS384', 'HS512'],
  })
  assert.deepEqual(verificationKey(settings({ secret: SECRET, algorithms: ['HS512'] })).algorithms, ['HS512'])
  assert.deepEqual(
    verificationKey(settings({ publicKey: publicPem(rsa), algorithms: ['PS256', 'RS256'] })).algorithms,
    ['RS256', 'PS256'],
  )
})

const jwk = (kind: object): string => JSON.stringify(kind, null, 2)
const MISTAKES: [string, Partial<JwtSettings>, RegExp][] = [
  [
    'a private key for the public one',
    { publicKey: privatePem(rsa) },
    /^configuration: jwt\.publicKey: found a private key/,
  ],
  [
    'an old-style private key',
    { publicKey: rsa.privateKey.export({ type: 'pkcs1', format: 'pem' }) as string },
    /found a private key/,
  ],
  ['text for a key', { publicKey: 'nonsense' }, /^configuration: jwt\.publicKey: is not a public key in PEM form/],
  ['a damaged key', { publicKey: publicPem(rsa).replace(/MII/, 'MIX') }, /is not a public key in PEM form/],
  [
    'a short RSA key',
    { publicKey: publicPem(generateKeyPairSync('rsa', { modulusLength: 1024 })) },
    /1024 bits: at least 2048/,
  ],
  ['a short RSA-PSS key', { publicKey: publicPem(pss({ modulusLength: 1024 })) }, /1024 bits: at least 2048/],
  [
    'an RSA-PSS key of SHA-1',
    { publicKey: publicPem(pss({ hashAlgorithm: 'sha1', mgf1HashAlgorithm: 'sha1', saltLength: 20 })) },
    /fit none of PS256/,
  ],
  [
    'another curve',
    { publicKey: publicPem(generateKeyPairSync('ec', { namedCurve: 'secp256k1' })) },
    /found an EC key on secp256k1/,
  ],
  ['Ed448', { publicKey: publicPem(generateKeyPairSync('ed448')) }, /found a key of type ed448/],
  ['X25519', { publicKey: publicPem(generateKeyPairSync('x25519')) }, /found a key of type x25519/],
  [
    'an RSA algorithm for a secret',
    { secret: SECRET, algorithms: ['HS256', 'RS256'] },
    /jwt\.algorithms: found RS256, which cannot be used with jwt\.secret/,
  ],
  [
    'HMAC for a public key',
    { publicKey: publicPem(rsa), algorithms: ['RS256', 'HS256'] },
    /found HS256, which cannot be used with jwt\.publicKey/,
  ],
  ['RS256 for an RSA-PSS key', { publicKey: publicPem(rsaPss), algorithms: ['RS256'] }, /found RS256/],
  ['a public key for a secret', { secret: publicPem(rsa) }, /^configuration: jwt\.secret: found a key of a key pair/],
  ['a public key within a secret', { secret: `# key\n${publicPem(p256)}` }, /found a key of a key pair/],
  ['a public JWK for a secret', { secret: jwk(rsa.publicKey.export({ format: 'jwk' })) }, /found a key of a key pair/],
]
for (const [what, jwt, message] of MISTAKES) {
  test(`${what} is a mistake of the configuration`, () => {
    assert.throws(
      () => verificationKey(settings(jwt)),
      (error: Error) => {
        assert.equal(error.name, 'BootProblems')
        assert.match(error.message, message)
        if (jwt.secret) assert.ok(!error.message.includes(jwt.secret), 'shows no secret')
        return true
      },
    )
  })
}
