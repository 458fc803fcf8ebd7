import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildApp } from '../../src/app.ts'
import type { ConfigInput } from '../../src/config/config-schema.ts'
import { shadowNotes } from '../../src/routing/shadowed-paths.ts'
import { routesFolder, testConfig } from '../support/gateway.ts'

/** The notes about one upstream, without its file. */
async function notes(
  t: Parameters<typeof routesFolder>[0],
  upstream: object,
  config: ConfigInput = {},
): Promise<string[]> {
  const app = await buildApp(
    testConfig(
      await routesFolder(t, { 'a.json': { name: 'a', targets: ['http://127.0.0.1:9'], auth: 'none', ...upstream } }),
      config,
    ),
  )
  await app.close()
  return shadowNotes(app.routeTable).map((note) => note.replace(/^\S*a\.json: /, ''))
}

const because = 'do not reach this upstream, since the gateway answers them'
const HOSTS = 'give the upstream "hosts", which brings all of them to it'

test('an upstream at / is told which paths the gateway answers itself, and what moves them', async (t) => {
  assert.deepEqual(await notes(t, { passThrough: true }), [
    `requests for /livez, /readyz and /docs ${because}: move /docs with docs.path in the configuration, or ${HOSTS}`,
  ])
  const pages: ConfigInput = {
    docs: { path: '/handbook' },
    metrics: { path: '/metrics', auth: 'none' },
    status: { path: '/state', auth: 'none' },
    cache: { purge: { path: '/purge', auth: 'none' } },
  }
  assert.deepEqual(await notes(t, { passThrough: true }, pages), [
    `requests for /purge, /livez, /readyz, /metrics, /state and /handbook ${because}: move /purge, /metrics, /state and /handbook with cache.purge.path, metrics.path, status.path and docs.path in the configuration, or ${HOSTS}`,
  ])
  assert.deepEqual(await notes(t, { passThrough: true }, { docs: false }), [
    `requests for /livez and /readyz ${because}: ${HOSTS}`,
  ])
})

test('a route with a parameter or wildcard at / is told too, of the methods that it has', async (t) => {
  assert.match(
    (await notes(t, { routes: [{ method: 'GET', url: '/:page' }] })).join(),
    /for \/livez, \/readyz and \/docs do not reach/,
  )
  assert.match(
    (await notes(t, { routes: [{ method: 'GET', url: '/*' }] })).join(),
    /for \/livez, \/readyz and \/docs do not reach/,
  )
  assert.deepEqual(await notes(t, { routes: [{ method: 'PUT', url: '/*' }] }), [])
})

test('with hosts or a prefix there is nothing to tell', async (t) => {
  for (const upstream of [
    { hosts: 'a.lan', passThrough: true },
    { prefix: '/a', passThrough: true },
    { routes: [{ method: 'GET', url: '/x' }] },
  ]) {
    assert.deepEqual(await notes(t, upstream), [])
  }
})
