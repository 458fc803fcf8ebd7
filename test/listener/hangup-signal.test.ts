import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { ignoreHangup } from '../../src/listener/process-signals.ts'

/** Handles SIGHUP in this process until the test ends; returns how often the line was said. */
function handled(t: TestContext, isTerminal: (descriptor: number) => boolean): () => number {
  let said = 0
  const before = process.listeners('SIGHUP')
  ignoreHangup(() => {
    said++
  }, isTerminal)
  t.after(() => {
    for (const listener of process.listeners('SIGHUP')) if (!before.includes(listener)) process.off('SIGHUP', listener)
  })
  return () => said
}

const hangUp = (): void => {
  process.emit('SIGHUP', 'SIGHUP')
}

test('SIGHUP is said and ignored without a terminal, as under a service manager', (t) => {
  const said = handled(t, () => false)
  hangUp()
  hangUp()
  assert.equal(said(), 2)
})

test('SIGHUP is said and ignored while the terminal is open', (t) => {
  const said = handled(t, (descriptor) => descriptor === 1)
  hangUp()
  assert.equal(said(), 1)
})

test('a terminal that is closed stops the process as SIGTERM does', (t) => {
  let isOpen = true
  const said = handled(t, () => isOpen)
  const kill = t.mock.method(process, 'kill', () => true)
  hangUp()
  assert.equal(said(), 1)
  isOpen = false
  hangUp()
  assert.deepEqual(
    kill.mock.calls.map(({ arguments: words }) => words),
    [[process.pid, 'SIGTERM']],
  )
  assert.equal(said(), 1)
})
