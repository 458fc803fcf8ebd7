import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JwtSettings } from '../../../src/auth/jwt/jwt-schema.ts'
import { issuerForms } from '../../../src/auth/jwt/jwt-issuers.ts'
import { publicPem, rsa, settings } from './key-pairs.ts'

const SECRET = 'a secret for tests, long enough for HS256'
const URI = 'https://id.test/keys'

const MISTAKES: [string, Partial<JwtSettings>, RegExp][] = [
  ['no key', {}, /^configuration: jwt: has no key: set secret \(GATEHOUSE_JWT_SECRET\)/],
  ['discover: false alone', { discover: false }, /^configuration: jwt: has no key/],
  ['two keys', { secret: SECRET, publicKey: publicPem(rsa) }, /^configuration: jwt: has both secret and publicKey/],
  [
    'a key and a file',
    { publicKey: publicPem(rsa), keys: 'keys.json' },
    /^configuration: jwt: has both publicKey and keys/,
  ],
  ['a URL and discovery', { jwksUri: URI, discover: true, issuer: 'https://id.test' }, /has both jwksUri and discover/],
  ['discovery without an issuer', { discover: true }, /^configuration: jwt\.discover: needs one issuer/],
  [
    'discovery of several',
    { discover: true, issuer: ['https://a.test', 'https://b.test'] },
    /^configuration: jwt\.discover: needs one issuer/,
  ],
  ['an empty issuer', { secret: SECRET, issuer: '' }, /^configuration: jwt\.issuer: found ""/],
  [
    'an empty audience among others',
    { secret: SECRET, audience: ['api', ''] },
    /^configuration: jwt\.audience: found ""/,
  ],
  [
    'a key beside issuers',
    { secret: SECRET, issuers: [{ issuer: 'a', jwksUri: URI }] },
    /^configuration: jwt\.secret: cannot stand beside issuers/,
  ],
  [
    'an issuer beside issuers',
    { issuer: 'a', issuers: [{ issuer: 'a', jwksUri: URI }] },
    /^configuration: jwt\.issuer: cannot stand beside issuers/,
  ],
  [
    'an issuer without keys',
    { issuers: [{ issuer: 'a', jwksUri: URI }, { issuer: 'b' }] },
    /^configuration: jwt\.issuers\[1\]: has no key: set secret, publicKey, keys, jwksUri or discover$/,
  ],
  [
    'an issuer twice',
    {
      issuers: [
        { issuer: 'a', jwksUri: URI },
        { issuer: 'a', secret: SECRET },
      ],
    },
    /^configuration: jwt\.issuers\[1\]\.issuer: found "a" a second time/,
  ],
]
for (const [what, jwt, message] of MISTAKES) {
  test(`${what} is a mistake of the configuration`, () => {
    assert.throws(() => issuerForms(settings(jwt)), { name: 'BootProblems', message })
  })
}

test('what stands beside the list holds for each issuer that does not state it, and none speaks for the users of another', () => {
  const [a, b] = issuerForms(
    settings({
      audience: 'api',
      maxAge: '1h',
      issuers: [
        { issuer: 'https://a.test', jwksUri: URI },
        { issuer: 'https://b.test', secret: SECRET, audience: 'other', idPrefix: '' },
      ],
    }),
  )
  assert.deepEqual(
    [a!.audience, a!.maxAge, a!.idPrefix, a!.keyField, a!.at],
    ['api', '1h', 'https://a.test|', 'jwksUri', '.issuers[0]'],
  )
  assert.deepEqual(
    [b!.audience, b!.maxAge, b!.idPrefix, b!.keyField, b!.at],
    ['other', '1h', '', 'secret', '.issuers[1]'],
  )
})

test('one issuer alone has ids as they are', () => {
  assert.equal(issuerForms(settings({ secret: SECRET, issuer: 'a' }))[0]!.idPrefix, undefined)
})
