import assert from 'node:assert/strict'
import { describe, mock, test, type TestContext } from 'node:test'
import v8 from 'node:v8'
import { collectGarbage, releaseIdleMemory } from '../../src/listener/idle-memory.ts'

const MiB = 1024 * 1024
const youngBytes = (): number =>
  v8.getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space')!.physical_space_size

test('a collection returns the room that V8 has made for new objects', () => {
  const kept: object[] = []
  for (let i = 0; i < 2_000_000; i++) kept.push({ i })
  const before = youngBytes()
  assert.ok(before > 4 * MiB, `${before} bytes before`)
  kept.length = 0
  collectGarbage()
  assert.ok(youngBytes() < 4 * MiB, `${youngBytes()} bytes after`)
})

describe('memory is returned when the process is idle', () => {
  function start(t: TestContext) {
    mock.timers.enable({ apis: ['setInterval'] })
    t.after(() => mock.timers.reset())
    const state = { time: 0, idle: true, young: 30 * MiB, collections: 0 }
    const stop = releaseIdleMemory({
      look: 1000,
      pause: 10_000,
      now: () => state.time,
      isIdle: () => state.idle,
      youngBytes: () => state.young,
      collect: () => {
        state.collections++
      },
    })
    t.after(stop)
    const look = (): number => {
      state.time += 1000
      mock.timers.tick(1000)
      return state.collections
    }
    return { state, look, stop }
  }

  test('once, and again only after a pause', (t) => {
    const { look } = start(t)
    assert.equal(look(), 1)
    for (let i = 0; i < 9; i++) assert.equal(look(), 1)
    assert.equal(look(), 2)
  })

  test('not while it is busy', (t) => {
    const { state, look } = start(t)
    state.idle = false
    assert.equal(look(), 0)
    state.idle = true
    assert.equal(look(), 1)
  })

  test('not when there is little to return', (t) => {
    const { state, look } = start(t)
    state.young = MiB
    assert.equal(look(), 0)
  })

  test('not after its end', (t) => {
    const { look, stop } = start(t)
    stop()
    assert.equal(look(), 0)
  })
})
