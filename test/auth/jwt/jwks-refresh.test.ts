import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { IdentityClient } from '../../../src/auth/identity-client.ts'
import { discoverJwkSet, fetchJwkSet } from '../../../src/auth/jwt/jwks-refresh.ts'
import { readJwkSet } from '../../../src/auth/jwt/jwk-set.ts'
import { RemoteKeys } from '../../../src/auth/jwt/jwks-refresh.ts'
import { type Issuer, jwkOf, startIssuer } from './issuer.ts'
import { ed25519, p256, p384, rsa } from './key-pairs.ts'

interface Options {
  now?: () => number
  refreshMs?: number
  discover?: boolean
  timeoutMs?: number
  name?: string
}

function remote(
  t: TestContext,
  issuer: Issuer,
  { now, refreshMs = 600_000, discover = false, timeoutMs = 60_000, name = issuer.url }: Options = {},
) {
  const client = new IdentityClient(timeoutMs)
  const lines: string[] = []
  const log = (level: string) => (details: object, text: string) => {
    lines.push(`${level}: ${text} ${JSON.stringify(details)}`)
  }
  const keys = new RemoteKeys({
    name,
    fetchKeys: discover
      ? discoverJwkSet(new URL(issuer.url), name, client)
      : fetchJwkSet(new URL(`${issuer.url}/keys`), client),
    read: readJwkSet,
    refreshMs,
    cooldownMs: 30_000,
    log: { info: log('info'), warn: log('warn'), error: log('error') } as never,
    now,
  })
  t.after(async () => {
    keys.stop()
    await client.close()
  })
  const kids = async () => (await keys.current()).map(({ kid }) => kid)
  return { keys, kids, lines }
}
const unavailable = { code: 'GW_AUTH_UNAVAILABLE', headers: { 'retry-after': '1' } }

test('keys are fetched once for all who wait for them, and are known at once from then on', async (t) => {
  const issuer = await startIssuer(t, [jwkOf(rsa, { kid: 'a' }), jwkOf(p256, { kid: 'b' })])
  const { keys, kids } = remote(t, issuer)
  assert.deepEqual(await Promise.all([kids(), kids(), kids()]), Array(3).fill(['a', 'b']))
  assert.ok(Array.isArray(keys.current()), 'no promise any more')
  assert.deepEqual(issuer.asked, ['/keys'])
})

test('the metadata of an issuer say where its keys are', async (t) => {
  const issuer = await startIssuer(t, [jwkOf(rsa, { kid: 'a' })])
  const { kids } = remote(t, issuer, { discover: true })
  assert.deepEqual(await kids(), ['a'])
  assert.deepEqual(issuer.asked, ['/.well-known/openid-configuration', '/keys'])
})

const METADATA: [string, (issuer: Issuer) => unknown, RegExp][] = [
  [
    'of another issuer',
    ({ url }) => ({ issuer: 'https://evil.test', jwks_uri: `${url}/keys` }),
    /is of another issuer: \\"https:\/\/evil\.test/,
  ],
  ['of almost this issuer', ({ url }) => ({ issuer: `${url}/`, jwks_uri: `${url}/keys` }), /is of another issuer/],
  ['without an issuer', ({ url }) => ({ jwks_uri: `${url}/keys` }), /is of another issuer: nothing/],
  ['without keys', ({ url }) => ({ issuer: url }), /has no jwks_uri that is a URL/],
  [
    'with keys in a file',
    ({ url }) => ({ issuer: url, jwks_uri: 'file:///etc/passwd' }),
    /has no jwks_uri that is a URL/,
  ],
  [
    'with credentials',
    ({ url }) => ({ issuer: url, jwks_uri: url.replace('//', '//u:p@') }),
    /has no jwks_uri that is a URL/,
  ],
  ['that are a list', () => [], /is of another issuer/],
  ['that are null', () => null, /is of another issuer/],
]
for (const [what, metadata, reason] of METADATA) {
  test(`metadata ${what} are not believed`, async (t) => {
    const issuer = await startIssuer(t, [jwkOf(rsa)])
    issuer.answer = (_request, response) => {
      response.end(JSON.stringify(metadata(issuer)))
    }
    const { kids, lines } = remote(t, issuer, { discover: true })
    await assert.rejects(kids(), unavailable)
    assert.match(lines.join('\n'), reason)
    assert.deepEqual(issuer.asked, ['/.well-known/openid-configuration'])
  })
}

test('an issuer behind TLS may not send the gateway elsewhere in the clear', async () => {
  const asked: string[] = []
  const client = {
    ask: async (url: URL) => {
      asked.push(url.href)
      return {
        status: 200,
        headers: {},
        body: Buffer.from(JSON.stringify({ issuer: 'https://id.test/realm/', jwks_uri: 'http://id.test/keys' })),
      }
    },
  }
  await assert.rejects(
    discoverJwkSet(new URL('https://id.test/realm/'), 'https://id.test/realm/', client)(),
    /not protected by TLS/,
  )
  assert.deepEqual(asked, ['https://id.test/realm/.well-known/openid-configuration'])
})

test('a token with an unknown key has the keys fetched at once; a flood of them does so once in a while', async (t) => {
  let now = 0
  const issuer = await startIssuer(t, [jwkOf(rsa, { kid: 'a' })])
  const { keys, kids } = remote(t, issuer, { now: () => now })
  await kids()
  issuer.keys.push(jwkOf(p256, { kid: 'b' }))
  const found = await Promise.all(Array.from({ length: 100 }, () => keys.renewed()))
  assert.ok(found.every((fresh) => fresh!.length === 2))
  assert.equal(issuer.asked.length, 2, 'one for all, although the keys had just been fetched')
  now = 29_999
  for (let i = 0; i < 100; i++) assert.equal(keys.renewed(), null)
  assert.equal(issuer.asked.length, 2)
  now = 30_000
  issuer.keys.shift()
  assert.deepEqual(
    (await keys.renewed())!.map(({ kid }) => kid),
    ['b'],
  )
})

test('keys are fetched again in the background, without anybody asking', async (t) => {
  const issuer = await startIssuer(t, [jwkOf(rsa, { kid: 'a' })])
  const { keys, kids } = remote(t, issuer, { refreshMs: 5 })
  keys.start()
  await kids()
  issuer.keys.splice(0, 1, jwkOf(p256, { kid: 'b' }))
  // the answer to the one after has been sent once the next one comes
  for (let i = 0; i < 3; i++) await issuer.next()
  assert.deepEqual(await kids(), ['b'])
})

test('a key that stays is the same object, and one that goes is retired', async (t) => {
  let now = 0
  const issuer = await startIssuer(t, [jwkOf(rsa, { kid: 'a' }), jwkOf(p256, { kid: 'b' })])
  const { keys } = remote(t, issuer, { now: () => now })
  const [a, b] = await keys.current()
  issuer.keys.shift()
  issuer.keys.push(jwkOf(ed25519, { kid: 'c' }))
  now = 30_000
  const after = await keys.renewed()
  assert.equal(after![0], b)
  assert.deepEqual([a!.retired, b!.retired, after!.length], [true, undefined, 2])
})

const OUTAGES: [string, Issuer['answer'], RegExp][] = [
  [
    'answers with an error',
    (_request, response) => {
      response.writeHead(500).end('{"keys":[]}')
    },
    /answered 500/,
  ],
  [
    'redirects',
    (_request, response) => {
      response.writeHead(302, { location: '/keys2' }).end()
    },
    /answered 302/,
  ],
  [
    'answers no JSON',
    (_request, response) => {
      response.end('<html>secret page</html>')
    },
    /something that is not JSON/,
  ],
  [
    'answers no set',
    (_request, response) => {
      response.end('{"error":"secret"}')
    },
    /has no list/,
  ],
  [
    'answers without end',
    (_request, response) => {
      const more = (): void => {
        while (!response.destroyed && response.write('x'.repeat(65_536)));
      }
      response.on('drain', more).on('error', () => {})
      more()
    },
    /cannot be fetched/,
  ],
  [
    'answers a set without end',
    (_request, response) => {
      response.end(JSON.stringify({ keys: Array(1000).fill(jwkOf(p256)) }))
    },
    /1000 keys/,
  ],
  [
    'breaks off',
    (request) => {
      request.socket.destroy()
    },
    /cannot be fetched/,
  ],
  ['says nothing', () => {}, /cannot be fetched/],
]
for (const [what, answer, reason] of OUTAGES) {
  test(`known keys go on while the issuer ${what}; unknown ones cannot be judged; and it comes back by itself`, async (t) => {
    let now = 0
    const issuer = await startIssuer(t, [jwkOf(rsa, { kid: 'a' })])
    // what says nothing is waited for
    const { keys, kids, lines } = remote(t, issuer, {
      now: () => now,
      timeoutMs: what === 'says nothing' ? 2000 : 60_000,
    })
    await kids()
    issuer.answer = answer
    await assert.rejects(keys.renewed()!, unavailable)
    await assert.rejects(keys.renewed()!, unavailable, 'in the time of cooling down too')
    assert.ok(issuer.asked.length <= 3, 'one attempt, and another when the connection broke')
    assert.deepEqual(await kids(), ['a'])
    const told = lines.filter((line) => line.startsWith('error'))
    assert.equal(told.length, 1)
    assert.match(told[0]!, /those that are known go on/)
    assert.match(told[0]!, reason)
    assert.doesNotMatch(told[0]!, /secret/)
    issuer.answer = null
    issuer.keys.push(jwkOf(p384, { kid: 'b' }))
    now = 30_000
    assert.deepEqual(
      (await keys.renewed())!.map(({ kid }) => kid),
      ['a', 'b'],
    )
    assert.match(lines.join('\n'), /can be fetched again/)
  })
}

test('without any keys it is tried again after a second, not with each request', async (t) => {
  let now = 0
  const issuer = await startIssuer(t)
  issuer.answer = (_request, response) => {
    response.writeHead(503).end()
  }
  const { keys, kids } = remote(t, issuer, { now: () => now })
  await assert.rejects(kids(), unavailable)
  for (let i = 0; i < 10; i++) assert.throws(() => keys.current(), unavailable)
  assert.equal(issuer.asked.length, 1)
  issuer.answer = null
  issuer.keys.push(jwkOf(rsa, { kid: 'a' }))
  now = 1000
  assert.deepEqual(await kids(), ['a'])
})

test('what is of no use in a set is told once', async (t) => {
  let now = 0
  const issuer = await startIssuer(t, [jwkOf(rsa, { kid: 'a' }), jwkOf(rsa, { kid: 'b', use: 'enc' })])
  const { keys, kids, lines } = remote(t, issuer, { now: () => now })
  assert.deepEqual(await kids(), ['a'])
  now = 30_000
  await keys.renewed()
  assert.equal(
    lines.filter((line) => line.startsWith('warn') && line.includes('key 2 (b): it is not for signatures')).length,
    1,
  )
  issuer.keys = []
  now = 60_000
  assert.deepEqual(await keys.renewed(), [], 'an issuer may withdraw all of its keys')
  assert.match(lines.at(-1)!, /error: the issuer has no key that can be used/)
})
