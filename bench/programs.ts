import { accessSync, constants } from 'node:fs'
import { availableParallelism } from 'node:os'
import { delimiter, join } from 'node:path'

/** Where Debian and others put daemons, which is not on the PATH of everybody. */
const MORE_FOLDERS = ['/usr/sbin', '/usr/local/sbin', '/sbin']

/** Full path of an installed program; null when there is none. */
export function findProgram(name: string): string | null {
  for (const folder of [...(process.env.PATH ?? '').split(delimiter), ...MORE_FOLDERS]) {
    const path = join(folder || '.', name)
    try {
      accessSync(path, constants.X_OK)
      return path
    } catch {
      // looked for in the next folder
    }
  }
  return null
}

const taskset = findProgram('taskset')
const setpriv = findProgram('setpriv')

/** Whether servers and load can have a core each. */
export const pinned: boolean = taskset !== null && availableParallelism() > 1

/** The core of the server under test. */
export const SERVER_CORE = 0
/** The core of load and backend. */
export const LOAD_CORE = 1

/**
 * A command line that runs a program on one core, and that the kernel ends when this process dies in whatever way. Both
 * wrappers replace themselves by the program, so that its process id is that of the child.
 */
export function onCore(core: number, command: string, args: readonly string[]): [string, string[]] {
  const words = [command, ...args]
  if (pinned) words.unshift(taskset!, '--cpu-list', String(core))
  if (setpriv !== null) words.unshift(setpriv, '--pdeathsig', 'TERM')
  return [words[0]!, words.slice(1)]
}
