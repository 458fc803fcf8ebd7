import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { IdentityRequest } from '../../../src/auth/identity-client.ts'
import { tokenIntrospection } from '../../../src/auth/introspection/introspection-scheme.ts'

const NOW = 1_000_000_000_000
const seconds = NOW / 1000
const settings = {
  url: '',
  clientId: 'gate',
  clientSecret: 's',
  clientAuth: 'basic' as const,
  cacheFor: 0,
  refusedFor: 0,
  cacheSize: 0,
  timeout: 0,
}

function setUp(answer: unknown, more: object = {}, status = 200) {
  const sent: IdentityRequest[] = []
  const body = Buffer.from(typeof answer === 'string' ? answer : JSON.stringify(answer))
  const introspect = tokenIntrospection(
    { ...settings, ...more },
    new URL('http://id.example.com/'),
    {
      ask: async (_url, request) => {
        sent.push(request)
        return { status, headers: {}, body }
      },
    },
    () => NOW,
  )
  return { ask: () => introspect('tok/+='), sent }
}

test('name and secret are form-encoded before they are sent, either way', async () => {
  const basic = setUp({ active: false }, { clientId: 'a:b c', clientSecret: 'p%ä+' })
  await basic.ask()
  const { headers, body, method } = basic.sent[0]!
  assert.equal(method, 'POST')
  assert.equal(
    Buffer.from(headers[headers.indexOf('authorization') + 1]!.slice(6), 'base64').toString(),
    'a%3Ab+c:p%25%C3%A4%2B',
  )
  assert.equal(body, 'token=tok%2F%2B%3D&token_type_hint=access_token')
  const post = setUp({ active: false }, { clientAuth: 'post', clientSecret: '&=' })
  await post.ask()
  assert.equal(post.sent[0]!.headers.includes('authorization'), false)
  assert.equal(
    post.sent[0]!.body,
    'token=tok%2F%2B%3D&token_type_hint=access_token&client_id=gate&client_secret=%26%3D',
  )
})

test('an active token is a consumer', async () => {
  const found = await setUp({
    active: true,
    sub: 'ada',
    scope: 'a b',
    groups: ['g'],
    client_id: 'app',
    exp: seconds + 60,
    nbf: null,
    'urn:x': 1,
  }).ask()
  assert.deepEqual(
    [
      found!.consumer.id,
      found!.consumer.scheme,
      found!.consumer.scopes,
      found!.consumer.groups,
      found!.consumer.claims['urn:x'],
      found!.expires,
    ],
    ['ada', 'introspection', ['a', 'b'], ['g'], 1, NOW + 60_000],
  )
  assert.ok(Object.isFrozen(found!.consumer.claims.groups))
  const machine = await setUp({ active: true, sub: null, client_id: 'app' }).ask()
  assert.deepEqual([machine!.consumer.id, machine!.expires], ['app', Infinity])
})

test('what is not active, not current, not for here, or no plain access token is no good', async () => {
  const good = { active: true, sub: 'ada', iss: 'https://id', aud: ['x', 'api'] }
  const wanted = { issuer: 'https://id', audience: ['api', 'api2'] }
  assert.ok(await setUp(good, wanted).ask())
  assert.ok(
    await setUp({ ...good, aud: 'api2', exp: seconds - 4, nbf: seconds + 4, token_type: 'Bearer' }, wanted).ask(),
    'clocks may disagree a little',
  )
  for (const bad of [
    { active: false },
    { ...good, active: false },
    { ...good, exp: seconds - 5 },
    { ...good, exp: 0 },
    { ...good, exp: -1 },
    { ...good, nbf: seconds + 6 },
    { ...good, iss: 'https://other' },
    { ...good, iss: null },
    { ...good, iss: 'https://id/' },
    { ...good, aud: 'other' },
    { ...good, aud: [] },
    { ...good, aud: null },
    { ...good, sub: '' },
    { ...good, sub: 5 },
    { active: true, iss: 'https://id', aud: 'api' },
    { ...good, token_use: 'refresh_token' },
    { ...good, token_type: 'refresh_token' },
    { ...good, typ: 'Refresh' },
    { ...good, token_type: 'DPoP' },
    { ...good, cnf: { jkt: 'x' } },
  ]) {
    assert.equal(await setUp(bad, wanted).ask(), null, JSON.stringify(bad))
  }
})

test("what RFC 7662 does not know is nobody's verdict", async () => {
  const deep = `{"active":true,"sub":"ada","x":${'['.repeat(200_000)}${']'.repeat(200_000)}}`
  for (const odd of [
    '',
    'active',
    'null',
    '[]',
    '[true]',
    '"x"',
    '{}',
    '{"active":"true","sub":"ada"}',
    '{"active":1,"sub":"ada"}',
    '{"active":null}',
    '{"active":true',
    '{"active":true,"sub":"ada","exp":"9999999999"}',
    '{"active":true,"sub":"ada","aud":{}}',
    '{"__proto__":{"active":true,"sub":"ada"}}',
    deep,
  ]) {
    await assert.rejects(setUp(odd).ask(), { code: 'GW_AUTH_UNAVAILABLE', statusCode: 503 }, odd.slice(0, 60))
  }
  for (const status of [201, 204, 301, 400, 401, 500]) {
    await assert.rejects(setUp({ active: true, sub: 'ada' }, {}, status).ask(), { code: 'GW_AUTH_UNAVAILABLE' })
  }
})
