import assert from 'node:assert/strict'
import { test } from 'node:test'
import { limitKey } from '../../src/limits/limit-key.ts'
import { LimitRegistry } from '../../src/limits/limit-registry.ts'
import { type LimitRule, limitRules } from '../../src/limits/limit-schema.ts'
import { scriptRule } from '../../src/limits/limit-script.ts'

const rule = (more: Partial<LimitRule> = {}): LimitRule => ({
  name: 'a',
  algorithm: 'fixed',
  max: 10,
  windowMs: 60_000,
  by: 'consumer',
  ...more,
})
const registry = () => new LimitRegistry(100)

test('one name is one limit', () => {
  const one = registry()
  assert.equal(one.limit(rule(), 'x'), one.limit(rule(), 'y'))
  assert.notEqual(one.limit(rule({ name: 'b' }), 'x'), one.limit(rule(), 'y'))
})

test('one name with two meanings is a mistake that names the declarer', () => {
  const one = registry()
  one.limit(rule(), 'x')
  for (const more of [
    { max: 11 },
    { windowMs: 1 },
    { by: 'address' },
    { algorithm: 'sliding' },
    { except: { consumers: ['ada'] } },
  ] as Partial<LimitRule>[]) {
    assert.throws(
      () => one.limit(rule(more), 'orders'),
      /^BootProblems: orders: rateLimit: the limit "a" is .* here and 10 requests in 60 s by consumer elsewhere/,
      JSON.stringify(more),
    )
  }
})

test('a rule that limits nothing, or that no store can hold, is a mistake', () => {
  const wrong: object[] = [
    { max: 0 },
    { max: -1 },
    { max: 1.5 },
    { max: NaN },
    { max: 1e15 },
    { max: '5' },
    { windowMs: 0 },
    { windowMs: 0.4 },
    { windowMs: 1e21 },
    { windowMs: Infinity },
    { windowMs: undefined },
    { burst: 5 },
    { algorithm: 'sliding', burst: 5 },
    { algorithm: 'token-bucket', burst: 0 },
    { algorithm: 'token-bucket', burst: 1e14 },
    { algorithm: 'quota', per: 'day', timeZone: 'Europe/Atlantis' },
    { except: { addresses: ['10.0.0.0/33'] } },
    { except: { addresses: ['localhost'] } },
    { except: { addresses: ['10.0.0.0/8/8'] } },
    { except: { addresses: ['10.0.0.0/'] } },
  ]
  for (const more of wrong) {
    assert.throws(() => registry().limit(rule(more), 'x'), { name: 'BootProblems' }, JSON.stringify(more))
  }
})

test('a declaration becomes rules, and several of a list have names of their own', () => {
  assert.deepEqual(limitRules('gateway', { max: 5, window: '1m' }), [rule({ name: 'gateway', max: 5 })])
  assert.deepEqual(
    limitRules('x', [
      { max: 5, window: 1000, burst: 9 },
      { concurrent: 2, by: 'route' },
      { quota: { max: 7, per: 'month', timeZone: 'Asia/Tokyo' }, except: { consumers: ['ada'] } },
    ]),
    [
      { name: 'x', by: 'consumer', algorithm: 'token-bucket', max: 5, windowMs: 1000, burst: 9 },
      { name: 'x #2', by: 'route', algorithm: 'concurrency', max: 2, windowMs: 0 },
      {
        name: 'x #3',
        by: 'consumer',
        except: { consumers: ['ada'] },
        algorithm: 'quota',
        windowMs: 0,
        max: 7,
        per: 'month',
        timeZone: 'Asia/Tokyo',
      },
    ],
  )
})

const request = (more: object = {}) =>
  ({
    ip: '192.0.2.1',
    method: 'GET',
    headers: {},
    consumer: null,
    routeOptions: { url: '/x', config: {} },
    ...more,
  }) as never

test('consumers, addresses, groups, routes, headers and functions never share a count', () => {
  const ada = { id: 'ada', groups: ['staff', 'x'] }
  assert.equal(limitKey('consumer')(request({ consumer: { id: '192.0.2.1', groups: [] } })), 'c:192.0.2.1')
  assert.equal(limitKey('consumer')(request()), 'a:192.0.2.1')
  assert.equal(limitKey('address')(request({ consumer: ada, ip: '::ffff:192.0.2.1' })), 'a:192.0.2.1')
  assert.equal(limitKey('group')(request({ consumer: ada })), 'g:staff')
  assert.equal(limitKey('group')(request({ consumer: { id: 'eve', groups: [] } })), 'c:eve')
  assert.equal(limitKey('group')(request()), 'a:192.0.2.1')
  assert.equal(limitKey(() => 'c:ada')(request()), 'f:c:ada')
  assert.equal(limitKey(() => null)(request({ consumer: ada })), 'c:ada')
  assert.notEqual(
    limitKey('consumer')(request({ consumer: { id: 'a:192.0.2.1', groups: [] } })),
    limitKey('consumer')(request()),
  )
})

test('one count for a route, HEAD being its GET', () => {
  const key = limitKey('route')
  const route = { url: '/x', config: { upstream: 'a', publicUrl: '/x' } }
  assert.equal(key(request({ routeOptions: route })), 'r:a:GET /x')
  assert.equal(key(request({ routeOptions: route, method: 'HEAD', consumer: { id: 'ada', groups: [] } })), 'r:a:GET /x')
  assert.equal(key(request({ routeOptions: route, method: 'POST' })), 'r:a:POST /x')
})

test('headers and long texts are hashed: of bounded length, and no secret in a key', () => {
  const key = limitKey({ header: 'X-Api-Key' })
  const secret = 'hunter2'.repeat(1000)
  assert.match(key(request({ headers: { 'x-api-key': secret } })), /^h:[\w-]{43}$/)
  assert.notEqual(key(request({ headers: { 'x-api-key': 'a' } })), key(request({ headers: { 'x-api-key': 'b' } })))
  assert.equal(key(request()), 'a:192.0.2.1')
  assert.match(limitKey(() => secret)(request()), /^f#[\w-]{43}$/)
})

test('exemptions are of addresses, in any clothing, and of consumers', () => {
  const { isExempt } = registry().limit(
    rule({ except: { addresses: ['10.0.0.0/8', '2001:db8::/32', '192.0.2.7'], consumers: ['monitor'] } }),
    'x',
  )
  const exempt = (more: object) => isExempt!(request(more))
  for (const ip of ['10.1.2.3', '::ffff:10.1.2.3', '2001:db8::1', '192.0.2.7']) assert.ok(exempt({ ip }), ip)
  for (const ip of ['11.1.2.3', '2001:db9::1', '192.0.2.8', '', 'unknown', '10.0.0.1:80']) {
    assert.ok(!exempt({ ip }), ip)
  }
  assert.ok(exempt({ consumer: { id: 'monitor', groups: [] } }))
  assert.ok(!exempt({ consumer: { id: 'ada', groups: [] } }))
})

test('keys in Redis never collide, whatever names and consumers hold, and have one hash tag', () => {
  const keyOf = (more: Partial<LimitRule>, key: string) => scriptRule(rule(more)).prefix(Date.UTC(2026, 10, 23)) + key
  assert.equal(keyOf({ name: 'upstream:orders' }, 'c:ada'), '{gatehouse}:limit:upstream%3Aorders:fixed:60000:c:ada')
  assert.equal(
    keyOf({ algorithm: 'quota', per: 'day', windowMs: 0 }, 'c:ada'),
    '{gatehouse}:limit:a:quota:2026-11-23:c:ada',
  )
  const pairs: [string, string][] = [
    ['a', 'c:x'],
    ['a:60000:c', 'x'],
    ['a:60000', 'c:x'],
    ['a:60000:c:x', ''],
    ['a|c', ':x'],
    ['a%3A60000', 'c:x'],
    ['{x}', 'c:x'],
  ]
  const keys = pairs.map(([name, key]) => keyOf({ name }, key))
  assert.equal(new Set(keys).size, keys.length)
  assert.ok(keys.every((key) => /\{(.*?)\}/.exec(key)![1] === 'gatehouse'))
})
