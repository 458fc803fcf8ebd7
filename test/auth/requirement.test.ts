import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Consumer, Requirement } from '../../src/auth/auth-schema.ts'
import { compileRequirement } from '../../src/auth/authenticator.ts'

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
