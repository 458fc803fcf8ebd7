import assert from 'node:assert/strict'
import { test } from 'node:test'
import { demoPages } from '../../demo/pages.ts'
import { loadConfig } from '../../src/config/load-config.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

test('the demo has its pages on, for this machine', async (t) => {
  const cwd = temporaryFolder(t)
  const { welcome, docs, status, metrics, cache } = await loadConfig({ env: demoPages({}, cwd), cwd })
  assert.deepEqual(
    { welcome, docs, status, metrics, purge: cache.purge },
    {
      welcome: { path: '/', auth: 'none' },
      docs: { path: '/docs', auth: 'none', hideScopes: [] },
      status: { path: '/status', auth: 'none' },
      metrics: { path: '/metrics', auth: 'none' },
      purge: { path: '/cache/purge', auth: 'none' },
    },
  )
  assert.deepEqual(demoPages({ GATEHOUSE_HOST: '::1' }, cwd), demoPages({}, cwd))
})

test('what its user has said goes first', (t) => {
  const cwd = temporaryFolder(t)
  const names = (env: NodeJS.ProcessEnv, folder = cwd) => Object.keys(demoPages(env, folder))
  assert.ok(!names({ GATEHOUSE_STATUS: 'false' }).includes('GATEHOUSE_STATUS_AUTH'))
  assert.ok(!names({ GATEHOUSE_DOCS_PATH: '/d' }).includes('GATEHOUSE_DOCS_AUTH'))
  assert.ok(names({ GATEHOUSE_STATUS: '' }).includes('GATEHOUSE_STATUS_AUTH'))
  assert.ok(names({ GATEHOUSE_CACHE_MEMORY: '1MiB' }).includes('GATEHOUSE_CACHE_PURGE_AUTH'))
  assert.deepEqual(names({}, temporaryFolder(t, { 'gatehouse.config.yaml': 'port: 1' })), [])
})

test('a demo that other machines reach opens nothing', (t) => {
  for (const host of ['0.0.0.0', '::', '10.0.0.1', 'example.com']) {
    assert.deepEqual(demoPages({ GATEHOUSE_HOST: host }, temporaryFolder(t)), {})
  }
})
