import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as corpus from './corpus.ts'

/** Which test holds a list is seen from its imports; one that none imports would be counted for nothing. */
const LISTS: [name: string, cases: readonly (string | readonly string[])[]][] = [
  ['framings', corpus.FRAMINGS],
  ['request lines', corpus.REQUEST_LINES],
  ['bodies that hold a request', corpus.WHOLE],
  ['paths that escape', corpus.ESCAPES],
  ['paths that only look like it', corpus.HARMLESS],
  ['targets elsewhere', corpus.ELSEWHERE],
  ['hosts of others', corpus.NOT_OURS],
  ['two hosts, or none', corpus.CONTRADICTIONS],
  ['forwarded fields', corpus.LIES],
  ['names that look like them', corpus.SPOOFED],
]

test('the corpus has at least 150 cases, none of them twice', () => {
  let all = 0
  for (const [name, cases] of LISTS) {
    const bytes = cases.map((each) =>
      typeof each === 'string' ? each : each.slice(name === 'forwarded fields' ? 0 : 1).join('\n'),
    )
    assert.deepEqual(
      bytes.filter((each, i) => bytes.indexOf(each) < i),
      [],
      name,
    )
    all += bytes.length
  }
  assert.ok(all >= 150, `${all} cases`)
  assert.equal(LISTS.length + ['HIDDEN', 'chunked'].length, Object.keys(corpus).length, 'every list is counted')
})
