import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HashQueue } from '../../../src/auth/basic/password-hash.ts'

test('two hashes at once, in their order, and too many are refused', async () => {
  const queue = new HashQueue()
  const open: (() => void)[] = []
  let most = 0
  let running = 0
  const work = (i: number) => async () => {
    most = Math.max(most, ++running)
    await new Promise<void>((resolve) => {
      open.push(resolve)
    })
    running--
    return i
  }
  const results = Array.from({ length: 66 }, (_, i) => queue.run(work(i)))
  await assert.rejects(queue.run(work(99)), { code: 'GW_AUTH_UNAVAILABLE', statusCode: 503 })
  const all = Promise.all(results)
  for (let done = 0; done < 66; done++) {
    while (open.length === 0) await new Promise(setImmediate)
    open.shift()!()
  }
  assert.deepEqual(
    await all,
    Array.from({ length: 66 }, (_, i) => i),
  )
  assert.equal(most, 2)
})

test('a failure gives its place back', async () => {
  const queue = new HashQueue()
  for (let i = 0; i < 10; i++) {
    await assert.rejects(
      queue.run(async () => {
        throw new Error('no')
      }),
      /no/,
    )
  }
  assert.equal(await queue.run(async () => 'yes'), 'yes')
})
