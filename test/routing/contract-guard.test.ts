import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RouteOptions } from 'fastify'
import { ContractGuard } from '../../src/routing/contract-guard.ts'

/** The paths that a pass-through of some hosts leaves to a guarded route of others. */
function leftBetween(hosts: string[], guardedHosts: string[]): string[] {
  const guard = new ContractGuard(() => [])
  const route = (hostPrefix: string, url: string, config: object): RouteOptions =>
    ({ method: 'GET', url: hostPrefix + url, handler: () => {}, config: { hostPrefix, ...config } }) as RouteOptions
  guard.add(route(hosts.length > 0 ? '/.host-0' : '', '/*', { auth: 'none', hosts, passThrough: true }), 'a.json')
  guard.add(
    route(guardedHosts.length > 0 ? '/.host-1' : '', '/admin', { auth: { jwt: {} }, hosts: guardedHosts }),
    'b.json',
  )
  guard.complete()
  return [...guard.guarded()].flatMap(({ leaves }) => leaves.map(({ parts }) => parts.join()))
}

test('a route leaves nothing to routes of other hosts', () => {
  const hosts = ['a.test', '*.c.test']
  for (const others of [['b.test'], ['x.y.c.test', 'c.test'], ['*.y.c.test']]) {
    assert.deepEqual(leftBetween(hosts, others), [], String(others))
  }
  for (const others of [['b.test', 'a.test'], ['x.c.test'], ['*.c.test'], ['*.test']]) {
    assert.deepEqual(leftBetween(hosts, others), ['auth'], String(others))
  }
})

test('a route for every host leaves the routes of hosts alone, and not the other way round', () => {
  assert.deepEqual(leftBetween([], ['a.test']), ['auth'])
  assert.deepEqual(leftBetween([], []), ['auth'])
  assert.deepEqual(leftBetween(['a.test'], []), [])
})
