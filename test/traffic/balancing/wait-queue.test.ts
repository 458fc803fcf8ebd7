import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { WaitQueue, type Waiter } from '../../../src/traffic/balancing/wait-queue.ts'

/** A queue before a place that takes `room` more. */
function line(t: TestContext, { max = 3, timeout = 1000 } = {}) {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const place = { room: 0 }
  const queue: WaitQueue = new WaitQueue(max, timeout, () => place.room > 0)
  const told: string[] = []
  const waiter = (name: string, fits: () => boolean = () => true): Waiter => {
    const self: Waiter = {
      resume() {
        if (!fits() || place.room === 0) return false
        place.room--
        queue.leave(self)
        told.push(`${name} sent`)
        return true
      },
      waitOver() {
        told.push(`${name} over`)
      },
    }
    return self
  }
  return { place, queue, told, waiter, tick: (ms: number) => t.mock.timers.tick(ms) }
}

test('first come, first served, as many as there is room for', (t) => {
  const { place, queue, told, waiter } = line(t)
  for (const name of ['a', 'b', 'c']) assert.equal(queue.join(waiter(name)), true)
  queue.offer()
  assert.deepEqual(told, [])
  place.room = 2
  queue.offer()
  assert.deepEqual(told, ['a sent', 'b sent'])
  assert.equal(queue.size, 1)
})

test('no more wait than allowed, and each place that is left is free again', (t) => {
  const { queue, waiter } = line(t)
  const waiters = ['a', 'b', 'c'].map((name) => waiter(name))
  for (const each of waiters) queue.join(each)
  const late = waiter('d')
  assert.equal(queue.join(late), false)
  queue.leave(waiters[1]!)
  assert.equal(queue.join(late), true)
})

test('each waits for as long as allowed from its own beginning', (t) => {
  const { queue, told, waiter, tick } = line(t)
  queue.join(waiter('a'))
  tick(600)
  queue.join(waiter('b'))
  tick(400)
  assert.deepEqual(told, ['a over'])
  tick(600)
  assert.deepEqual(told, ['a over', 'b over'])
  assert.equal(queue.size, 0)
})

test('who has left or was sent hears no more', (t) => {
  const { place, queue, told, waiter, tick } = line(t)
  const gone = waiter('gone')
  queue.join(gone)
  queue.join(waiter('sent'))
  queue.leave(gone)
  queue.leave(gone)
  place.room = 1
  queue.offer()
  tick(5000)
  assert.deepEqual(told, ['sent sent'])
})

test('one that the room is not for keeps its place, and holds up nobody', (t) => {
  const { place, queue, told, waiter } = line(t)
  let fits = false
  queue.join(waiter('choosy', () => fits))
  queue.join(waiter('b'))
  queue.join(waiter('c'))
  place.room = 1
  queue.offer()
  fits = true
  place.room = 1
  queue.offer()
  assert.deepEqual(told, ['b sent', 'choosy sent'])
})

test('an offer within an offer changes no order, and one that comes back stands last', (t) => {
  const { place, queue, told, waiter } = line(t)
  const again: Waiter = {
    // its sending fails at once, so that it waits again, and its target has room again
    resume() {
      queue.leave(again)
      told.push('failed')
      queue.offer()
      if (told.length < 2) queue.join(again)
      return true
    },
    waitOver() {},
  }
  queue.join(again)
  queue.join(waiter('b'))
  place.room = 5
  queue.offer()
  assert.deepEqual(told, ['failed', 'b sent', 'failed'])
  assert.equal(queue.size, 0)
})

test('closing sends all away and leaves no timer', (t) => {
  const { queue, told, waiter, tick } = line(t)
  queue.join(waiter('a'))
  queue.join(waiter('b'))
  queue.close()
  assert.deepEqual(told, ['a over', 'b over'])
  tick(5000)
  assert.equal(told.length, 2)
})
