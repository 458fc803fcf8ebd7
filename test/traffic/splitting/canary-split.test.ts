import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SplitDeclaration } from '../../../src/traffic/splitting/split-schema.ts'
import { stableShare } from '../../../src/traffic/balancing/rendezvous-hash.ts'
import { type SplitRequest, VersionSplit } from '../../../src/traffic/splitting/canary-split.ts'

const asked = (consumer: string | null, more: Partial<SplitRequest> = {}): SplitRequest => ({
  id: '1',
  ip: '192.0.2.1',
  headers: {},
  consumer: consumer === null ? null : { id: consumer, groups: [] },
  ...more,
})
const canary = (weight: number, more: object = {}): VersionSplit =>
  new VersionSplit('orders', {
    versions: { v1: { weight: 100 - weight }, v2: { weight } },
    ...more,
  } as SplitDeclaration)
const consumers = Array.from({ length: 10_000 }, (_, i) => `consumer-${i}`)

test('shares lie evenly, also for texts that differ in their last letter alone', () => {
  const counts = new Array(10).fill(0)
  for (const consumer of consumers) counts[Math.floor(stableShare(consumer) * 10)]++
  for (const count of counts) assert.ok(count > 900 && count < 1100, String(counts))
})

test('a share is a share of the consumers, and who has the canary keeps it while it grows', () => {
  const groups = [1, 10, 30, 50].map(
    (weight) => new Set(consumers.filter((consumer) => canary(weight).versionOf(asked(consumer)) === 'v2')),
  )
  for (const [i, weight] of [1, 10, 30, 50].entries()) {
    assert.ok(Math.abs(groups[i]!.size / 10_000 - weight / 100) < 0.015, `${weight} %: ${groups[i]!.size}`)
  }
  for (let i = 1; i < groups.length; i++) assert.ok(groups[i - 1]!.isSubsetOf(groups[i]!))
})

test('other upstreams have other canaries', () => {
  const other = new VersionSplit('users', { versions: { v1: { weight: 50 }, v2: { weight: 50 } } })
  const same = consumers.filter(
    (consumer) => other.versionOf(asked(consumer)) === canary(50).versionOf(asked(consumer)),
  )
  assert.ok(same.length > 4500 && same.length < 5500, String(same.length))
})

test('by address, by request, and by address where nobody is known', () => {
  const versions = (split: VersionSplit, requests: SplitRequest[]) =>
    new Set(requests.map((request) => split.versionOf(request))).size
  const ids = consumers.slice(0, 100)
  assert.equal(
    versions(
      canary(50, { by: 'address' }),
      ids.map((id) => asked(id)),
    ),
    1,
  )
  assert.equal(
    versions(
      canary(50, { by: 'request' }),
      ids.map((id) => asked('ada', { id })),
    ),
    2,
  )
  assert.equal(
    versions(
      canary(50),
      ids.map((_, i) => asked(null, { ip: `192.0.2.${i}` })),
    ),
    2,
  )
  assert.equal(
    versions(
      canary(50),
      ids.map((id) => asked(null, { id })),
    ),
    1,
  )
})

test('conditions come before shares, all of one must hold, and the first that fits is taken', () => {
  const split = new VersionSplit('orders', {
    versions: {
      v1: { weight: 1 },
      v2: { weight: 0, when: { headers: { 'X-Canary': 'yes' }, groups: ['staff', 'testers'] } },
      v3: { weight: 0, when: { cookies: { canary: '3' } } },
      v4: { weight: 0, when: { consumers: ['ada'] } },
    },
  })
  const headers = { 'x-canary': 'yes' }
  assert.equal(split.versionOf(asked('eve')), 'v1')
  assert.equal(split.versionOf(asked('eve', { headers })), 'v1')
  assert.equal(split.versionOf(asked(null, { headers, consumer: { id: 'eve', groups: ['testers'] } })), 'v2')
  assert.equal(split.versionOf(asked('ada', { headers: { cookie: 'a=b; canary=3' } })), 'v3')
  for (const cookie of ['canary=33', 'xcanary=3', 'canary=', 'a=canary=3']) {
    assert.equal(split.versionOf(asked('eve', { headers: { cookie } })), 'v1', cookie)
  }
  assert.equal(split.versionOf(asked('ada')), 'v4')
})
