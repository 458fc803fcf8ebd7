import assert from 'node:assert/strict'
import { test } from 'node:test'
import { closest } from '../../src/schema/suggestion.ts'

test('finds the word that was mistyped', () => {
  assert.equal(closest('prot', ['port', 'host']), 'port')
  assert.equal(closest('PORT', ['port']), 'port')
  assert.equal(closest('rateLimits', ['rateLimit', 'routes']), 'rateLimit')
  assert.equal(closest('metod', ['method', 'match']), 'method')
})

test('suggests nothing that is far away', () => {
  assert.equal(closest('banana', ['port', 'host']), undefined)
  assert.equal(closest('x'.repeat(5000), ['port']), undefined)
  assert.equal(closest('port', []), undefined)
})
