import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hasRepeatedName, tokenParts } from '../../../src/auth/jwt/token-parts.ts'
import { cpuTime } from '../../support/cpu-time.ts'

const text = (json: string | Buffer): string => Buffer.from(json as string).toString('base64url')
const token = (header: string | Buffer, claims: string | Buffer = '{}'): string =>
  `${text(header)}.${text(claims)}.c2ln`

test('reads what a token says of itself', () => {
  assert.deepEqual(tokenParts(token('{"alg":"RS256","kid":"k","typ":"JWT"}', '{"iss":"a","exp":1.5}')), {
    alg: 'RS256',
    kid: 'k',
    claims: { iss: 'a', exp: 1.5 },
  })
})

test('names that occur twice are found anywhere, however they are written', () => {
  for (const json of [
    '{"a":1,"a":1}',
    '{"a":{"b":[{"c":1},{"d":1,"d":2}]}}',
    '{"a":1,"\\u0061":2}',
    '{"a" : 1 , "a" : 2}',
    '{"":1,"":2}',
    '{"a\\"":1,"a\\"":2}',
    '{"__proto__":1,"__proto__":2}',
  ]) {
    assert.equal(hasRepeatedName(json), true, json)
  }
  for (const json of [
    '{}',
    '[]',
    '{"a":{"a":{"a":1}},"b":[{"a":1},{"a":2}]}',
    '{"a":"a","b":"a:{a}","c":"\\"a\\":"}',
    '{"a":[],"b":{}}',
    '["a","a"]',
    '{"a\\"":1,"a":2}',
  ]) {
    assert.equal(hasRepeatedName(json), false, json)
  }
})

test('the time to read grows with the length alone', () => {
  const json = `{"a":"${'\\"'.repeat(200_000)}","b":[${'['.repeat(100_000)}${']'.repeat(100_000)}]}`
  const started = cpuTime()
  assert.equal(hasRepeatedName(json), false)
  assert.ok(cpuTime() - started < 2000)
})

const ALG = '{"alg":"HS256"}'
const REFUSED: [string, string][] = [
  ['a name twice in the header', token('{"alg":"none","alg":"HS256"}')],
  ['a claim twice', token(ALG, '{"sub":"a","sub":"b"}')],
  ['padding', `${text(ALG)}==.e30.c2ln`],
  ['bits that say nothing', `${text(ALG)}.e31.c2ln`],
  ['such bits in the signature', `${text(ALG)}.e30.c2l`],
  ['a length that no bytes have', `${text(ALG)}.e30.c2lnx`],
  ['invalid UTF-8', token(ALG, Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]))],
  ['a byte order mark', token(`\uFEFF${ALG}`)],
  ['a payload as UTF-16', token(ALG, Buffer.from('{}', 'utf16le'))],
  ['no JSON', token('alg')],
  ['a list', token('[]')],
  ['null', token('null')],
  ['no alg', token('{}')],
  ['an alg that is no text', token('{"alg":["HS256"]}')],
  ['a kid that is a number', token('{"alg":"HS256","kid":1}')],
  ['a kid that is null', token('{"alg":"HS256","kid":null}')],
  ['a kid that is a list', token('{"alg":"HS256","kid":["a"]}')],
  ...['["x"]', '[]', 'null', 'false', '0', '""', '{}'].map((crit): [string, string] => [
    `crit ${crit}`,
    token(`{"alg":"HS256","crit":${crit}}`),
  ]),
  ...['JWT', 'jwt', 'application/jwt', 'Application/JWT'].map((cty): [string, string] => [
    `cty ${cty}`,
    token(`{"alg":"HS256","cty":"${cty}"}`),
  ]),
  ...['exp', 'nbf', 'iat'].flatMap((name) =>
    ['"1"', 'null', 'true', '[1]', '{}', '1e400', '-1e400', '8640000000001', '1e300'].map((value): [string, string] => [
      `${name} ${value}`,
      token(ALG, `{"${name}":${value}}`),
    ]),
  ),
]
for (const [what, bad] of REFUSED) {
  test(`refuses ${what}`, () => {
    assert.throws(() => tokenParts(bad))
  })
}

test('dates may be fractions, negative and far away', () => {
  for (const exp of ['0', '-1', '1.25', '253402300799', '-8640000000000']) {
    assert.doesNotThrow(() => tokenParts(token(ALG, `{"exp":${exp}}`)), exp)
  }
})
