import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keptTick } from '../../src/listener/tick-shape.ts'

test('what is kept alive is an object as process.nextTick makes them', async () => {
  await new Promise<void>((resolve) => process.nextTick(resolve))
  assert.equal(typeof (keptTick as { callback?: unknown }).callback, 'function')
})
