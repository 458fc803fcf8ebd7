import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withLinks } from '../../src/proxy/public-fields.ts'

test('an anchor with escaped characters is replaced as any other', () => {
  const replaced = (reference: string): string => reference.replace('http://internal.test', '')
  assert.equal(withLinks('</a>; anchor="http\\://internal.test/b"; rel=next', replaced), '</a>; anchor="/b"; rel=next')
  assert.equal(
    withLinks('<http://internal.test/a>; anchor="http://internal.test/\\"\\\\"', replaced),
    '</a>; anchor="/\\"\\\\"',
  )
  assert.equal(withLinks('</a>; title="a\\"b"; anchor="/c"', replaced), '</a>; title="a\\"b"; anchor="/c"')
})
