import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AuthDeclaration, Consumer, SchemeName, Requirement } from '../../src/auth/auth-schema.ts'
import { compileAuthenticator, compileRequirement } from '../../src/auth/authenticator.ts'
import { missingCredentials } from '../../src/auth/challenge.ts'
import { FailedAttempts } from '../../src/auth/failed-attempts.ts'
import type { AuthRequest, AuthScheme } from '../../src/auth/scheme.ts'

/** A scheme whose credentials are the value of a header: `good` followed by scopes is somebody. */
function scheme(name: string, { later = false } = {}): AuthScheme & { asked: number } {
  const challenge = `${name} realm="x"`
  const find = (value: unknown): Consumer => {
    const [word, ...scopes] = String(value).split(' ')
    if (word !== 'good') throw missingCredentials([challenge])
    return { id: `${name}'s`, scheme: name as SchemeName, scopes, groups: [], claims: {} }
  }
  const made = {
    name: name as SchemeName,
    challenge,
    credentials: { headers: [name] },
    asked: 0,
    isPresented: ({ headers }: AuthRequest) => headers[name] !== undefined,
    authenticate({ headers }: AuthRequest) {
      made.asked++
      return later ? Promise.resolve().then(() => find(headers[name])) : find(headers[name])
    },
  }
  return made
}

function setUp(auth: unknown, { max = Infinity, now = (): number => 0 } = {}) {
  const schemes = new Map(['one', 'two'].map((name) => [name, scheme(name, { later: name === 'two' })]))
  const authenticate = compileAuthenticator(
    auth as AuthDeclaration,
    (name) => schemes.get(name)!,
    new FailedAttempts({ max, windowMs: 1000 }, (ip) => ip, { now }),
  )!
  const ask = async (headers: Record<string, string>, ip = '::1') =>
    (await authenticate({ headers, ip, raw: { rawHeaders: [] } }))?.id ?? null
  return { ask, schemes }
}

test("'none' asks nobody", () => {
  assert.equal(
    compileAuthenticator('none', () => assert.fail(), new FailedAttempts({ max: 1, windowMs: 1 }, String)),
    null,
  )
})

test('of a list the first scheme decides whose credentials are there', async () => {
  const { ask, schemes } = setUp([{ one: {} }, { two: {} }])
  assert.equal(await ask({ two: 'good' }), "two's")
  assert.equal(schemes.get('one')!.asked, 0)
  assert.equal(await ask({ one: 'good', two: 'good' }), "one's")
  await assert.rejects(ask({ one: 'bad', two: 'good' }), { code: 'GW_UNAUTHORIZED' })
  await assert.rejects(
    ask({}),
    (error: any) =>
      error.code === 'GW_UNAUTHORIZED' && error.headers['www-authenticate'] === 'one realm="x", two realm="x"',
  )
})

test('uses of one scheme are asked once, and any of their requirements suffices', async () => {
  const { ask, schemes } = setUp([{ one: { scopes: ['admin'] } }, { one: { scopes: ['read'] } }])
  assert.equal(await ask({ one: 'good read' }), "one's")
  assert.equal(schemes.get('one')!.asked, 1)
  await assert.rejects(ask({ one: 'good write' }), { code: 'GW_FORBIDDEN' })
})

test('all must let a request in, and the first says who is calling', async () => {
  const { ask } = setUp({ all: [{ one: {} }, { two: { scopes: ['s'] } }] })
  assert.equal(await ask({ one: 'good', two: 'good s' }), "one's")
  await assert.rejects(ask({ one: 'good', two: 'good' }), { code: 'GW_FORBIDDEN' })
  for (const headers of [{ one: 'good' }, { two: 'good s' }, {}, { one: 'good', two: 'bad' }] as Record<
    string,
    string
  >[]) {
    await assert.rejects(ask(headers), { code: 'GW_UNAUTHORIZED' })
  }
})

test('optional lets strangers in, not somebody who lacks what is required', async () => {
  for (const auth of [
    { optional: { one: { scopes: ['s'] } } },
    { optional: [{ two: { scopes: ['s'] } }, { one: { scopes: ['s'] } }] },
  ]) {
    const { ask } = setUp(auth)
    assert.equal(await ask({}), null)
    assert.equal(await ask({ one: 'bad' }), null)
    assert.equal(await ask({ one: 'good s' }), "one's")
    await assert.rejects(ask({ one: 'good' }), { code: 'GW_FORBIDDEN' })
  }
})

test('an address that fails too often with a scheme is refused before the scheme is asked, until the window ends', async () => {
  let now = 5000
  const { ask, schemes } = setUp([{ one: {} }, { two: {} }], { max: 2, now: () => now })
  for (let i = 0; i < 2; i++) await assert.rejects(ask({ one: 'bad' }), { code: 'GW_UNAUTHORIZED' })
  await assert.rejects(
    ask({ one: 'good' }),
    (error: any) => error.code === 'GW_TOO_MANY_FAILURES' && error.headers['retry-after'] === '1',
  )
  assert.equal(schemes.get('one')!.asked, 2)
  assert.equal(await ask({ one: 'good' }, '::2'), "one's", 'another address')
  assert.equal(await ask({ two: 'good' }), "two's", 'another scheme')
  assert.equal(await ask({ one: 'good', two: 'good' }), "two's", 'the other scheme decides')
  for (let i = 0; i < 2; i++) await assert.rejects(ask({ one: 'good', two: 'bad' }), { code: 'GW_UNAUTHORIZED' })
  await assert.rejects(ask({ one: 'good', two: 'good' }), { code: 'GW_TOO_MANY_FAILURES' })
  await assert.rejects(ask({}), { code: 'GW_UNAUTHORIZED' }, 'nothing is presented')
  now += 1000
  assert.equal(await ask({ one: 'good' }), "one's")
})

test('where all schemes must let a request in, the refusal of one is final', async () => {
  const { ask, schemes } = setUp({ all: [{ one: {} }, { two: {} }] }, { max: 1 })
  await assert.rejects(ask({ one: 'good', two: 'bad' }), { code: 'GW_UNAUTHORIZED' })
  await assert.rejects(ask({ one: 'good', two: 'good' }), { code: 'GW_TOO_MANY_FAILURES' })
  assert.deepEqual([schemes.get('one')!.asked, schemes.get('two')!.asked], [2, 1])
})

test('missing credentials and missing scopes are no failures', async () => {
  const { ask } = setUp({ one: { scopes: ['s'] } }, { max: 1 })
  for (let i = 0; i < 3; i++) {
    await assert.rejects(ask({}), { code: 'GW_UNAUTHORIZED' })
    await assert.rejects(ask({ one: 'good' }), { code: 'GW_FORBIDDEN' })
  }
})

const consumer = (more: Partial<Consumer>): Consumer => ({
  id: 'ada',
  scheme: 'jwt',
  scopes: [],
  groups: [],
  claims: {},
  ...more,
})
const meets = (requirement: Requirement, more: Partial<Consumer> = {}): boolean =>
  compileRequirement(requirement)!(consumer(more))

test('nothing required is nothing to check', () => {
  for (const requirement of [{}, { scopes: [] }, { claims: {} }]) assert.equal(compileRequirement(requirement), null)
})

test('all scopes, one of the groups', () => {
  assert.ok(meets({ scopes: ['a', 'b'] }, { scopes: ['b', 'x', 'a'] }))
  for (const scopes of [[], ['a'], ['ab'], ['A', 'B']]) assert.ok(!meets({ scopes: ['a', 'b'] }, { scopes }))
  assert.ok(meets({ groups: ['a', 'b'] }, { groups: ['b'] }))
  for (const groups of [[], ['c'], ['A']]) assert.ok(!meets({ groups: ['a', 'b'] }, { groups }))
})

test('claims by name or path, and never by what objects inherit', () => {
  const claims = {
    plan: 'pro',
    age: 30,
    org: { id: 7, tags: ['x', 'y'] },
    'https://x.test/role': 'admin',
    scope: 'a b',
    yes: true,
  }
  const good: Requirement['claims'][] = [
    { plan: 'pro' },
    { age: { equals: 30 } },
    { 'org.id': { in: [6, 7] } },
    { 'org.tags': { contains: 'y' } },
    { 'https://x.test/role': 'admin' },
    { scope: { contains: 'b' } },
    { yes: true },
    { plan: 'pro', age: 30 },
  ]
  for (const condition of good) assert.ok(meets({ claims: condition }, { claims }), JSON.stringify(condition))
  const bad: Requirement['claims'][] = [
    { plan: 'free' },
    { age: '30' },
    { yes: 'true' },
    { 'org.id': { in: ['7'] } },
    { 'org.tags': { contains: 'z' } },
    { 'org.tags': 'x' },
    { scope: { contains: 'a b' } },
    { 'org.id': { contains: 7 } },
    { none: { equals: 'undefined' } },
    { 'plan.length': 3 },
    { 'constructor.name': 'Object' },
    { plan: 'pro', age: 31 },
  ]
  for (const condition of bad) assert.ok(!meets({ claims: condition }, { claims }), JSON.stringify(condition))
})
