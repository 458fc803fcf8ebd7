import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createVerifier } from 'fast-jwt'
import { KeySet, verificationKey } from '../../../src/auth/jwt/verification-key.ts'
import { issuerForms } from '../../../src/auth/jwt/jwt-issuers.ts'
import { TokenVerifier, type VerifiedToken } from '../../../src/auth/jwt/token-verifier.ts'
import type { JwtSettings } from '../../../src/auth/jwt/jwt-schema.ts'
import { signToken } from '../../../src/auth/jwt/dev-token.ts'
import { ed25519, type KeyPair, p256, p384, p521, privatePem, publicPem, rsa, rsaPss, settings } from './key-pairs.ts'

const SECRET = 'a secret for tests, long enough for HS256'
const parts = (token: string): any[] =>
  token
    .split('.')
    .slice(0, 2)
    .map((part) => JSON.parse(Buffer.from(part, 'base64url').toString()))
const verify = (jwt: JwtSettings, token: string): any => createVerifier(verificationKey(jwt))(token)

const PAIRS: [string, KeyPair][] = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'].map((algorithm): [string, KeyPair] => [algorithm, rsa]),
  ...['PS256', 'PS384', 'PS512'].map((algorithm): [string, KeyPair] => [algorithm, rsaPss]),
  ['ES256', p256],
  ['ES384', p384],
  ['ES512', p521],
  ['EdDSA', ed25519],
]
for (const [algorithm, pair] of PAIRS) {
  test(`${algorithm} with a key of type ${pair.publicKey.asymmetricKeyType}: what is signed can be verified`, () => {
    const jwt = settings({
      publicKey: publicPem(pair),
      privateKey: privatePem(pair),
      algorithms: [algorithm as 'RS256'],
    })
    const token = signToken(jwt, { sub: 'me', scopes: ['a:read'] })
    assert.equal(parts(token)[0].alg, algorithm)
    assert.equal(verify(jwt, token).sub, 'me')
    const [header, payload, signature] = token.split('.')
    assert.throws(() => verify(jwt, `${header}.${Buffer.from('{"sub":"root"}').toString('base64url')}.${signature}`))
    assert.throws(() => verify(jwt, `${header}.${payload}.`))
  })
}

for (const algorithm of ['HS256', 'HS384', 'HS512'] as const) {
  test(`${algorithm}: what is signed can be verified`, () => {
    const jwt = settings({ secret: SECRET, algorithms: [algorithm] })
    const token = signToken(jwt, { sub: 'me' })
    assert.equal(parts(token)[0].alg, algorithm)
    assert.equal(verify(jwt, token).sub, 'me')
  })
}

test('says what was asked for, and what the gateway wants to hear', () => {
  const jwt = settings({ secret: SECRET, issuer: ['https://id.test', 'x'], audience: 'api' })
  const [, { iat, exp, ...claims }] = parts(
    signToken(jwt, { sub: 'me', scopes: ['a:read', 'a:write'], expiresIn: '90s', claims: { org: { id: 7 } } }),
  )
  assert.equal(exp - iat, 90)
  assert.deepEqual(claims, { iss: 'https://id.test', aud: 'api', sub: 'me', scope: 'a:read a:write', org: { id: 7 } })
})

test('is what the rules of the gateway ask for: typ, age, and where the consumer stands', () => {
  const jwt = settings({
    secret: SECRET,
    typ: 'at+jwt',
    maxAge: '1m',
    claims: { id: 'user.name', scopes: 'https://id.test/scopes' },
  })
  const verifier = new TokenVerifier(
    [{ ...jwt, keys: new KeySet([verificationKey(jwt)]) }],
    jwt,
    (token, { maxAge, ...options }) => createVerifier({ ...options, maxAge: maxAge! * 1000 } as never)(token),
  )
  const { consumer } = verifier.verify(signToken(jwt, { sub: 'me', scopes: ['a', 'b'] })) as VerifiedToken
  assert.deepEqual([consumer.id, consumer.scopes], ['me', ['a', 'b']])
})

test('of several issuers the first with a secret signs, else the first with the private key', () => {
  const issuers = [
    { issuer: 'https://a.test', jwksUri: 'https://a.test/keys', audience: 'a' },
    { issuer: 'https://b.test', secret: SECRET },
  ]
  const jwt = settings({ audience: 'api', privateKey: privatePem(p256), issuers })
  const [header, { iss, aud }] = parts(signToken(jwt, { sub: 'me' }))
  assert.deepEqual([header.alg, iss, aud], ['HS256', 'https://b.test', 'api'])
  assert.equal(verify(issuerForms(jwt)[1] as never, signToken(jwt, { sub: 'me' })).sub, 'me')
  const [first, claims] = parts(signToken({ ...jwt, issuers: [issuers[0]!] }, { sub: 'me' }))
  assert.deepEqual([first.alg, claims.iss, claims.aud], ['ES256', 'https://a.test', 'a'])
})

const REFUSED: [string, Partial<JwtSettings>, RegExp][] = [
  ['a public key alone', { publicKey: publicPem(rsa) }, /has a public key alone, with which nothing can be signed/],
  [
    'keys that do not belong together',
    { publicKey: publicPem(p256), privateKey: privatePem(ed25519) },
    /does not belong to jwt\.publicKey/,
  ],
  [
    'an unreadable key',
    { publicKey: publicPem(rsa), privateKey: 'nonsense' },
    /jwt\.privateKey: is not an unencrypted private key/,
  ],
  [
    'an encrypted key',
    {
      publicKey: publicPem(rsa),
      privateKey: rsa.privateKey.export({
        type: 'pkcs8',
        format: 'pem',
        cipher: 'aes-256-cbc',
        passphrase: 'x',
      }) as string,
    },
    /is not an unencrypted private key/,
  ],
  ['an algorithm of another key', { secret: SECRET, algorithms: ['ES256'] }, /found ES256/],
]
for (const [what, jwt, message] of REFUSED) {
  test(`refuses ${what}`, () =>
    assert.throws(() => signToken(settings(jwt), { sub: 'me' }), { name: 'BootProblems', message }))
}
test('refuses a lifetime below a second', () =>
  assert.throws(() => signToken(settings({ secret: SECRET }), { sub: 'me', expiresIn: 0 }), /at least a second/))
