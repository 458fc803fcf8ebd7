import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { knownDifferences, unlisted } from '../../bench/known-differences.ts'

const page = readFileSync(new URL('../../docs/cache-conformance.md', import.meta.url), 'utf8')

test('the page lists the cases that differ, each with its reason', () => {
  const [npm, repository] = [knownDifferences(page, 'npm'), knownDifferences(page, 'repository')]
  assert.equal(npm.size, 23)
  assert.equal(repository.size, 8)
  for (const [id, why] of npm) assert.ok(why.length > 40, id)
  assert.throws(() => knownDifferences(`${page}\n| \`method-POST\` | npm | again |`, 'npm'), /lists method-POST twice/)
})

test('only the listed cases may differ, and all of them have to', () => {
  const known = new Map([
    ['a', 'why'],
    ['b', 'why'],
  ])
  assert.deepEqual(
    unlisted(
      known,
      new Map([
        ['a', 'failed'],
        ['b', 'not reached'],
        ['c', 'passed'],
      ]),
    ),
    [],
  )
  assert.deepEqual(
    unlisted(
      known,
      new Map([
        ['a', 'passed'],
        ['c', 'failed'],
        ['d', 'not reached'],
      ]),
    ),
    [
      'a: passes now; remove it from docs/cache-conformance.md',
      'c: failed, and not listed in docs/cache-conformance.md',
      'd: not reached, and not listed in docs/cache-conformance.md',
      'b: listed, but this edition of the suite has no such case',
    ],
  )
})
