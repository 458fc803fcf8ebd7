import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { crc32 } from 'node:zlib'
import { compileApiKeys } from '../../../src/auth/api-key/api-key.ts'
import type { ApiKeyEntry, ApiKeySettings } from '../../../src/auth/api-key/api-key-schema.ts'
import { ApiKeyScheme } from '../../../src/auth/api-key/api-key-scheme.ts'
import { KeyRing } from '../../../src/auth/api-key/api-key-store.ts'
import { newKey } from '../../../src/auth/api-key/api-key-hash.ts'
import type { AuthRequest } from '../../../src/auth/scheme.ts'

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
const DAY = Date.parse('2026-06-01')

function setUp(entries: ApiKeyEntry[], places: Partial<Pick<ApiKeySettings, 'header' | 'query' | 'cookie'>> = {}) {
  const clock = { now: DAY }
  const ring = new KeyRing(compileApiKeys(entries, 'x'))
  const scheme = new ApiKeyScheme({ header: 'X-API-Key', ...places }, ring, () => clock.now)
  return { scheme, clock, ring, ask: async (request: AuthRequest) => scheme.authenticate(request) }
}

const from = (headers: Record<string, string>, { ip = '192.0.2.1', url = '/' } = {}): AuthRequest => ({
  headers,
  ip,
  raw: { rawHeaders: [], url },
})
const withKey = (key: string, ip?: string): AuthRequest => from({ 'x-api-key': key }, { ip })

test('a key whose hash is listed is somebody', async () => {
  const { ask } = setUp([
    { name: 'ada', id: 'k1', sha256: sha256('one').toUpperCase(), scopes: ['a:read'], groups: ['staff'] },
    { name: 'bob', sha256: sha256('two') },
  ])
  const ada = await ask(withKey('one'))
  assert.deepEqual(
    { ...ada },
    { id: 'ada', scheme: 'apiKey', scopes: ['a:read'], groups: ['staff'], claims: { name: 'ada', keyId: 'k1' } },
  )
  assert.ok(Object.isFrozen(ada) && Object.isFrozen(ada.scopes) && Object.isFrozen(ada.claims))
  assert.equal((await ask(withKey('two'))).id, 'bob')
})

test('two keys of one name are one consumer', async () => {
  const { ask } = setUp([
    { name: 'ada', sha256: sha256('old') },
    { name: 'ada', sha256: sha256('new') },
  ])
  assert.deepEqual([(await ask(withKey('old'))).id, (await ask(withKey('new'))).id], ['ada', 'ada'])
})

test('unknown, expired, from elsewhere, given twice, too long and missing are told in the same words', async () => {
  const { ask, clock } = setUp(
    [
      { name: 'a', sha256: sha256('old'), expires: '2026-06-01' },
      { name: 'b', sha256: sha256('inside'), addresses: ['10.0.0.0/8', '2001:db8::/32', '192.0.2.7'] },
      { name: 'c', sha256: sha256('x'.repeat(1025)) },
    ],
    { query: 'key', cookie: 'key' },
  )
  const told = new Set<string>()
  for (const request of [
    withKey('other'),
    withKey('old'),
    withKey('inside', '11.0.0.1'),
    withKey('inside', '2001:db9::1'),
    withKey('inside', 'unknown'),
    withKey(''),
    withKey(sha256('inside'), '10.0.0.1'),
    withKey('x'.repeat(1025)),
    from({}),
    from({}, { url: '/?key=inside&key=inside', ip: '10.0.0.1' }),
    from({ cookie: 'key=inside; key=inside' }, { ip: '10.0.0.1' }),
    from({ 'x-api-key': 'inside' }, { url: '/?key=inside', ip: '10.0.0.1' }),
  ]) {
    await assert.rejects(ask(request), (error: any) => {
      assert.equal(error.code, 'GW_UNAUTHORIZED')
      told.add(JSON.stringify([error.message, error.headers]))
      return true
    })
  }
  assert.deepEqual(
    [...told],
    [
      JSON.stringify([
        'Send a valid API key as header "x-api-key" or query parameter "key" or cookie "key".',
        { 'www-authenticate': 'ApiKey realm="gatehouse"' },
      ]),
    ],
  )
  clock.now = DAY - 1
  assert.equal((await ask(withKey('old'))).id, 'a')
  for (const ip of ['10.255.0.1', '::ffff:10.0.0.1', '2001:db8::9', '192.0.2.7']) {
    assert.equal((await ask(withKey('inside', ip))).id, 'b', ip)
  }
})

test('the key is found in the places that are configured, and in no other', async () => {
  const entries = [{ name: 'ada', sha256: sha256('k+1 é') }]
  const everywhere = setUp(entries, { query: 'api key'.replace(' ', '_'), cookie: 'sid' })
  assert.equal((await everywhere.ask(from({}, { url: '/x?a=1&api_key=k%2B1+%C3%A9' }))).id, 'ada')
  assert.equal(
    (await everywhere.ask(from({}, { url: '/x?%61pi_key=k%2B1%20%C3%A9' }))).id,
    'ada',
    'however the name is encoded',
  )
  assert.equal((await everywhere.ask(from({ cookie: 'xsid=no; sid=k+1 é;y=2' }))).id, 'ada')
  assert.deepEqual(everywhere.scheme.credentials, { headers: ['x-api-key'], query: ['api_key'], cookies: ['sid'] })
  assert.deepEqual(everywhere.scheme.security, { type: 'apiKey', in: 'header', name: 'x-api-key' })
  const header = setUp(entries)
  for (const request of [from({}, { url: '/?x-api-key=k%2B1%20%C3%A9' }), from({ cookie: 'x-api-key=k+1 é' })]) {
    assert.equal(header.scheme.isPresented(request), false)
    await assert.rejects(header.ask(request), { code: 'GW_UNAUTHORIZED' })
  }
  const cookie = setUp(entries, { header: false, cookie: 'sid' })
  assert.equal(cookie.scheme.isPresented(withKey('k+1 é')), false)
  assert.deepEqual(cookie.scheme.security, { type: 'apiKey', in: 'cookie', name: 'sid' })
})

test('a key is recalled where it has been used, until it expires or is gone', async () => {
  const { scheme, ask, clock } = setUp([{ name: 'ada', sha256: sha256('one'), expires: '2026-06-02T00:00:00Z' }])
  assert.equal(scheme.recall(withKey('one')), null, 'nobody has shown it yet')
  const ada = await ask(withKey('one'))
  assert.equal(scheme.recall(withKey('one')), ada)
  assert.equal(scheme.recall(withKey('one', '192.0.2.2')), null, 'another address')
  assert.equal(scheme.recall(withKey('two')), null)
  assert.equal(scheme.recall(from({})), null)
  clock.now = Date.parse('2026-06-02')
  assert.equal(scheme.recall(withKey('one')), null)
  await assert.rejects(ask(withKey('one')), { code: 'GW_UNAUTHORIZED' })
})

test('keys of the file come and go', async () => {
  const { scheme, ask, ring } = setUp([{ name: 'fixed', sha256: sha256('one') }])
  ring.replace(compileApiKeys([{ name: 'filed', sha256: sha256('two') }], 'keys.yaml'))
  assert.equal((await ask(withKey('two'))).id, 'filed')
  ring.replace(new Map())
  assert.equal(scheme.recall(withKey('two')), null)
  await assert.rejects(ask(withKey('two')), { code: 'GW_UNAUTHORIZED' })
  assert.equal((await ask(withKey('one'))).id, 'fixed')
})

test('what is wrong with keys is told at once, without their hashes', () => {
  const good = sha256('x')
  assert.throws(
    () =>
      compileApiKeys(
        [
          {
            name: 'a',
            sha256: good,
            expires: '2026-06-31',
            addresses: ['10.0.0.0/33', 'localhost', '10.0.0.1', 'fe80::1%eth0', '1.2.3.4/'],
          },
          { name: 'b', sha256: good },
          { name: 'c', sha256: sha256('') },
          { name: 'd', sha256: sha256('d'), expires: '2026-13-01T00:00:00Z' },
        ],
        'keys.yaml',
        'list',
      ),
    (error: any) => {
      assert.deepEqual(
        error.problems.map(({ file, field }: { file: string; field: string }) => `${file} ${field}`),
        [
          'keys.yaml list[0].expires',
          'keys.yaml list[0].addresses[0]',
          'keys.yaml list[0].addresses[1]',
          'keys.yaml list[0].addresses[3]',
          'keys.yaml list[0].addresses[4]',
          'keys.yaml list[1].sha256',
          'keys.yaml list[2].sha256',
          'keys.yaml list[3].expires',
        ],
      )
      assert.ok(!error.message.includes(good))
      return true
    },
  )
})

test('a new key has the documented form, 256 random bits, and a checksum that a scanner can compute', () => {
  const made = Array.from({ length: 200 }, newKey)
  assert.equal(new Set(made.map(({ key }) => key)).size, 200)
  for (const { key, id, sha256: hash } of made) {
    const [, text, keyId, secret, checksum] = /^(gh_([0-9A-Za-z]{8})_([\w-]{43}))([0-9A-Za-z]{6})$/.exec(key)!
    assert.equal(keyId, id)
    assert.equal(Buffer.from(secret!, 'base64url').length, 32)
    assert.equal(hash, sha256(key))
    const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
    assert.equal(
      [...checksum!].reduce((sum, digit) => sum * 62 + digits.indexOf(digit), 0),
      crc32(text!),
    )
  }
})
