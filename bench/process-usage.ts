import { readdirSync, readFileSync } from 'node:fs'

/** Clock ticks a second in `/proc/<pid>/stat`; Linux has had 100 on every architecture that runs Node. */
const TICKS_PER_SECOND = 100

const read = (path: string): string | null => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    // the process or thread is gone
    return null
  }
}

/**
 * Fields of `/proc/<pid>/stat` after the name, which may hold spaces and brackets: state is 0, parent 1, utime 11,
 * stime 12.
 */
const statFields = (pid: number | string): string[] | null => {
  const stat = read(`/proc/${pid}/stat`)
  return stat === null ? null : stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}

/** A process and everything it has started: the master of nginx and its workers, for example. */
export function processTree(pid: number): number[] {
  const parents = new Map<number, number>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const fields = statFields(name)
    if (fields !== null) parents.set(Number(name), Number(fields[1]))
  }
  const tree = [pid]
  for (let i = 0; i < tree.length; i++) {
    for (const [child, parent] of parents) if (parent === tree[i]) tree.push(child)
  }
  return tree
}

/** User and system time of all threads of a process and of its children, in microseconds. */
export function cpuMicroseconds(pid: number): number {
  return processTree(pid).reduce((sum, member) => sum + cpuOfProcess(member), 0)
}

function cpuOfProcess(pid: number): number {
  let threads: string[]
  try {
    threads = readdirSync(`/proc/${pid}/task`)
  } catch {
    return 0
  }
  let nanoseconds = 0
  for (const thread of threads) {
    // time on a core in nanoseconds; stat has it in hundredths of a second only
    const schedstat = read(`/proc/${pid}/task/${thread}/schedstat`)
    if (schedstat === null) return ticksOfProcess(pid)
    nanoseconds += Number(schedstat.split(' ', 1)[0])
  }
  return nanoseconds > 0 ? nanoseconds / 1000 : ticksOfProcess(pid)
}

function ticksOfProcess(pid: number): number {
  const fields = statFields(pid)
  return fields === null ? 0 : ((Number(fields[11]) + Number(fields[12])) * 1e6) / TICKS_PER_SECOND
}

/** User and system time of children of a process that have ended, in microseconds. */
export function endedChildren(pid: number): number {
  const fields = statFields(pid)
  return fields === null ? 0 : ((Number(fields[13]) + Number(fields[14])) * 1e6) / TICKS_PER_SECOND
}

/** Peak resident memory (`VmHWM`) of a process and its children together, in bytes. */
export function peakMemory(pid: number): number {
  return processTree(pid).reduce((sum, member) => {
    const kilobytes = /^VmHWM:\s+(\d+) kB/m.exec(read(`/proc/${member}/status`) ?? '')?.[1]
    return sum + Number(kilobytes ?? 0) * 1024
  }, 0)
}

/** How long a core has been busy since the boot, in microseconds, whoever has used it. */
export function coreBusyMicroseconds(core: number): number {
  const line = new RegExp(`^cpu${core} (.*)$`, 'm').exec(read('/proc/stat') ?? '')?.[1]
  if (line === undefined) return 0
  // user nice system idle iowait irq softirq steal
  const [user, nice, system, , , irq, softirq] = line.trim().split(/\s+/).map(Number) as number[]
  return ((user! + nice! + system! + irq! + softirq!) * 1e6) / TICKS_PER_SECOND
}
