import { performance } from 'node:perf_hooks'
import v8 from 'node:v8'
import vm from 'node:vm'

/** Milliseconds between two looks: a process counts as idle when it has done next to nothing since the last one. */
const LOOK = 2000
/** Share of the time that an idle process may use. */
const IDLE = 0.05
/** Bytes of the young generation that are worth a collection: a process that has little to do needs about one MiB. */
const WORTH = 8 * 1024 * 1024
/** Milliseconds between two collections: each holds the process up for 0.1 to 0.2 s on two free cores. */
const PAUSE = 60_000

export interface IdleMemoryOptions {
  look?: number
  pause?: number
  /** Milliseconds, from any start. */
  now?: () => number
  /** Whether the process has been idle since the last call. */
  isIdle?: () => boolean
  /** Bytes that the young generation holds, used or not. */
  youngBytes?: () => number
  collect?: () => void
}

/**
 * Gives memory back to the system when the process is idle. V8 makes room for new objects while many are made, as at
 * boot or under load, and keeps that room (up to 64 MiB) until it is short of memory.
 * @returns what ends the looking
 */
export function releaseIdleMemory(options: IdleMemoryOptions = {}): () => void {
  const {
    look = LOOK,
    pause = PAUSE,
    now = () => performance.now(),
    isIdle = idleCheck(),
    youngBytes = youngGeneration,
    collect = collectGarbage,
  } = options
  let next = -Infinity
  const timer = setInterval(() => {
    // asked each time, since it speaks of the time since it was asked last
    const idle = isIdle()
    if (!idle || now() < next || youngBytes() < WORTH) return
    next = now() + pause
    collect()
  }, look).unref()
  return () => clearInterval(timer)
}

function idleCheck(): () => boolean {
  let before = performance.eventLoopUtilization()
  return () => {
    const now = performance.eventLoopUtilization()
    const { utilization } = performance.eventLoopUtilization(now, before)
    before = now
    return utilization < IDLE
  }
}

function youngGeneration(): number {
  return v8.getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space')?.physical_space_size ?? 0
}

/**
 * Collects all garbage and returns the pages that are free after it to the system, which Node does by itself only when
 * memory is short.
 */
export function collectGarbage(): void {
  v8.setFlagsFromString('--expose-gc')
  const collect = vm.runInNewContext('typeof gc === "function" ? gc : undefined') as ((how: object) => void) | undefined
  v8.setFlagsFromString('--no-expose-gc')
  collect?.({ type: 'major', execution: 'sync', flavor: 'last-resort' })
}
