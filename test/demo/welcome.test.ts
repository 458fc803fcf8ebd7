import assert from 'node:assert/strict'
import { test } from 'node:test'
import { welcome } from '../../demo/welcome.ts'

const text = (
  watch = false,
  docs: Parameters<typeof welcome>[1]['docs'] = { path: '/docs', auth: 'none', hideScopes: [] },
) => welcome('http://127.0.0.1:3000', { docs }, { write: 'w'.repeat(345), read: 'r'.repeat(275) }, watch)

test('the welcome fits on a terminal of 80 columns and 26 lines, tokens included', () => {
  const rows = text(true)
    .split('\n')
    .reduce((sum, line) => sum + Math.max(1, Math.ceil(line.length / 80)), 0)
  assert.ok(rows <= 26, String(rows))
})

test('lines to copy stand alone: many shells take a comment behind them for arguments', () => {
  for (const line of text()
    .split('\n')
    .filter((line) => /curl|TOKEN=/.test(line))) {
    assert.doesNotMatch(line, /#/)
  }
})

test('it says where Swagger UI is, or that there is none', () => {
  assert.match(text(), /Swagger UI: http:\/\/127\.0\.0\.1:3000\/docs\n/)
  assert.match(text(false, false), /Swagger UI: switched off\n/)
  assert.doesNotMatch(text(), /taken over/)
})
