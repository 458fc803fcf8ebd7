import { performance } from 'node:perf_hooks'
import v8 from 'node:v8'
import vm from 'node:vm'

/**
 * Interval between two checks, in milliseconds. A process is idle when it has done almost nothing since the last check.
 */
const LOOK = 2000
/** Share of the time that an idle process may use. */
const IDLE = 0.05
/** Size of the young generation, in bytes, that makes a collection worthwhile. An idle process needs about 1 MiB. */
const WORTH = 8 * 1024 * 1024
/**
 * Minimum time between two collections, in milliseconds: each blocks the process for 0.1 to 0.2 s on two free cores.
 */
const PAUSE = 60_000

export interface IdleMemoryOptions {
  look?: number
  pause?: number
  /** Current time in milliseconds; the zero point does not matter. */
  now?: () => number
  /** Whether the process has been idle since the last call. */
  isIdle?: () => boolean
  /** Size of the young generation in bytes, used or not. */
  youngBytes?: () => number
  collect?: () => void
}

/**
 * Returns memory to the system when the process is idle. V8 enlarges the space for new objects at the start and under
 * load, and keeps it (up to 64 MiB) until memory is short.
 * @returns a function that stops the checks
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
    // call it at every check: it measures the time since its last call
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
 * Collects all garbage and returns the freed pages to the system. Node does this by itself only when memory is short.
 */
export function collectGarbage(): void {
  v8.setFlagsFromString('--expose-gc')
  const collect = vm.runInNewContext('typeof gc === "function" ? gc : undefined') as ((how: object) => void) | undefined
  v8.setFlagsFromString('--no-expose-gc')
  collect?.({ type: 'major', execution: 'sync', flavor: 'last-resort' })
}
