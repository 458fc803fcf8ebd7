import assert from 'node:assert/strict'
import { test } from 'node:test'
import { byFolder, linesOf, percentage } from '../../scripts/lcov-summary.ts'

const REPORT = `TN:
SF:src/errors.ts
FN:4,gatehouseError
DA:1,1
LF:40
LH:30
BRF:3
end_of_record
SF:src/proxy/cached/entry.ts
LF:10
LH:0
end_of_record
SF:src/proxy/relay.ts
LF:50
LH:50
end_of_record
`

test('the lines of each file are read from a report', () => {
  assert.deepEqual(
    [...linesOf(REPORT)],
    [
      ['src/errors.ts', { lines: 40, hit: 30 }],
      ['src/proxy/cached/entry.ts', { lines: 10, hit: 0 }],
      ['src/proxy/relay.ts', { lines: 50, hit: 50 }],
    ],
  )
  assert.equal(linesOf('').size, 0)
})

test('files are summed up by the first two folders, and all of them last', () => {
  assert.deepEqual(byFolder(linesOf(REPORT)), [
    ['src', { lines: 40, hit: 30 }],
    ['src/proxy', { lines: 60, hit: 50 }],
    ['total', { lines: 100, hit: 80 }],
  ])
})

test('a percentage has one decimal, and nothing to run is all of it', () => {
  assert.equal(percentage({ lines: 3, hit: 2 }), '66.7 %')
  assert.equal(percentage({ lines: 0, hit: 0 }), '100.0 %')
})
