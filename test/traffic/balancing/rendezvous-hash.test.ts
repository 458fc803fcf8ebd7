import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cookieValue } from '../../../src/traffic/balancing/sticky-session.ts'
import { RendezvousHash, requestKey } from '../../../src/traffic/balancing/rendezvous-hash.ts'
import { cpuTime } from '../../support/cpu-time.ts'
import { request, tally, target } from './candidates.ts'

const KEYS = Array.from({ length: 10_000 }, (_, i) => `user-${i}`)
const hash = () => new RendezvousHash<ReturnType<typeof target>>(({ ip }) => ip)
const pick = (balancer: ReturnType<typeof hash>, targets: readonly ReturnType<typeof target>[]) =>
  KEYS.map((ip) => balancer.select(targets, request({ ip })))

test('a key has the same target in every process, in whatever order the targets are', () => {
  const ids = ['http://10.0.0.1:80', 'http://10.0.0.2:80', 'http://10.0.0.3:80']
  const one = pick(
    hash(),
    ids.map((id) => target(id)),
  )
  const other = pick(
    hash(),
    ids.toReversed().map((id) => target(id)),
  )
  assert.deepEqual(
    one.map(({ id }) => id),
    other.map(({ id }) => id),
  )
})

test('when a target leaves, only its keys move, and to all others; when it is back, they come back', () => {
  const targets = Array.from({ length: 5 }, (_, i) => target(`http://10.0.0.${i}`))
  const balancer = hash()
  const before = pick(balancer, targets)
  const gone = targets[2]!
  const during = pick(
    balancer,
    targets.filter((each) => each !== gone),
  )
  const moved = during.filter((chosen, i) => {
    if (before[i] !== gone) assert.equal(chosen, before[i])
    return before[i] === gone
  })
  assert.ok(Math.abs(moved.length - 2000) < 200, `${moved.length} moved`)
  for (const count of Object.values(tally(moved))) {
    assert.ok(Math.abs(count - moved.length / 4) < moved.length / 20, JSON.stringify(tally(moved)))
  }
  assert.deepEqual(pick(balancer, targets), before)
})

test('a target that is given more weight takes keys from the others, and gives up none', () => {
  const [a, b, c] = [target('a'), target('b'), target('c')]
  const before = pick(hash(), [a, b, c])
  const after = pick(hash(), [a, { ...b, weight: 3 }, c])
  after.forEach((chosen, i) => {
    if (chosen.id !== 'b') assert.equal(chosen, before[i])
  })
  assert.ok(Math.abs(tally(after).b! - 6000) < 300, JSON.stringify(tally(after)))
})

test('requests without the key are taken in turn', () => {
  const targets = [target('a'), target('b')]
  for (const missing of [undefined, '']) {
    const balancer = new RendezvousHash<ReturnType<typeof target>>(() => missing)
    assert.deepEqual(tally(Array.from({ length: 10 }, () => balancer.select(targets, request()))), { a: 5, b: 5 })
  }
})

test('the key is what the declaration names', () => {
  const asked = request({
    ip: '192.0.2.7',
    consumer: { id: 'alice' },
    headers: { 'x-tenant': 't1', cookie: 'x=1; session=abc' },
    raw: { url: '/a/b?c=d' },
  })
  assert.equal(requestKey('address')(asked), '192.0.2.7')
  assert.equal(requestKey('path')(asked), '/a/b')
  assert.equal(requestKey('path')(request({ raw: { url: '/a/b' } })), '/a/b')
  assert.equal(requestKey('consumer')(asked), 'alice')
  assert.equal(requestKey('consumer')(request()), undefined)
  assert.equal(requestKey({ header: 'X-Tenant' })(asked), 't1')
  assert.equal(requestKey({ cookie: 'session' })(asked), 'abc')
  assert.equal(requestKey({ cookie: 'session' })(request()), undefined)
})

test('a cookie is found by its whole name, however the header is written', () => {
  for (const [header, value] of [
    ['s=1', '1'],
    ['a=s; s=2', '2'],
    ['as=1;s=2', '2'],
    ['s=1; s=2', '1'],
    ['s=', ''],
    ['s=a=b', 'a=b'],
    ['a; s=1 ; b', '1'],
    ['\t s=1', '1'],
    ['s', undefined],
    ['', undefined],
    [';;;', undefined],
    ['S=1', undefined],
    ['ss=1', undefined],
    ['a="; s=1"', '1"'],
    [undefined, undefined],
  ] as const) {
    assert.equal(cookieValue(header, 's'), value, String(header))
  }
  const long = ';'.repeat(16_000)
  const start = cpuTime()
  for (let i = 0; i < 20; i++) cookieValue(long, 's')
  assert.ok(cpuTime() - start < 500, 'linear in the length')
})
