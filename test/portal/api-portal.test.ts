import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ApiPortal } from '../../src/portal/api-portal.ts'

function portalOf(keep?: number): ApiPortal {
  const portal = new ApiPortal({
    about: { info: { title: 'T', version: '1' } },
    address: 'http://127.0.0.1:3000',
    securitySchemes: () => ({}),
    hideScopes: [],
    shared: () => {},
    keep,
  })
  for (const name of ['a', 'b', 'c']) {
    portal.add(
      () => ({ method: 'GET', url: `/${name}`, config: { auth: 'none', upstream: name, hosts: [`${name}.lan`] } }),
      () => undefined,
    )
  }
  return portal
}

test('the document of a host is made once', () => {
  const portal = portalOf()
  const made = ['a', 'b', 'c'].map((name) => portal.onHost(`${name}.lan`, true))
  assert.deepEqual(
    ['a', 'b', 'c'].map((name) => portal.onHost(`${name}.lan`, true) === made.shift()),
    [true, true, true],
  )
})

test('the oldest documents of hosts go when they are too large together', () => {
  const { size } = portalOf().onHost('a.lan', true)
  const portal = portalOf(2.5 * size)
  const [a, b, c] = ['a', 'b', 'c'].map((name) => portal.onHost(`${name}.lan`, true))
  assert.equal(portal.onHost('c.lan', true), c)
  assert.equal(portal.onHost('b.lan', true), b)
  assert.notEqual(portal.onHost('a.lan', true), a)
  const tiny = portalOf(1)
  assert.equal(tiny.onHost('a.lan', true), tiny.onHost('a.lan', true), 'the one that is asked for stays')
})
