import { type ChildProcess, spawn, type StdioOptions } from 'node:child_process'
import { closeSync, openSync, truncateSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { onCore } from './programs.ts'

/** How to start a program. */
export interface Launch {
  command: string
  args: readonly string[]
  env?: Record<string, string>
  /** File that takes its standard output; without one it goes nowhere. */
  output?: string
}

const STOP_MS = 8000
/** What the shell has set for a gateway of its own must not reach the measured ones. */
const ownEnvironment = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(GATEHOUSE_|NODE_OPTIONS$)/.test(name)),
)
const running = new Set<ChildProcess>()

// whatever ends this process ends what it has started
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})
for (const [signal, number] of [
  ['SIGINT', 2],
  ['SIGTERM', 15],
  ['SIGHUP', 1],
] as const) {
  process.on(signal, () => {
    stopAll().finally(() => process.exit(128 + number))
  })
}

/** A program that runs until it is stopped, on a core of its own. */
export class RunningProgram {
  readonly #child: ChildProcess
  readonly #launch: Launch
  #problems = ''

  constructor(launch: Launch, core: number) {
    this.#launch = launch
    const output = launch.output === undefined ? null : openSync(launch.output, 'a')
    const stdio: StdioOptions = ['ignore', output ?? 'ignore', 'pipe']
    const [command, args] = onCore(core, launch.command, launch.args)
    this.#child = spawn(command, args, { stdio, env: { ...ownEnvironment, NODE_ENV: 'production', ...launch.env } })
    if (output !== null) closeSync(output)
    running.add(this.#child)
    this.#child.on('error', (error) => {
      this.#problems += error.message
    })
    this.#child.on('exit', () => running.delete(this.#child))
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#problems = (this.#problems + text).slice(-4000)
    })
  }

  get pid(): number {
    return this.#child.pid!
  }

  /** What it has said on standard error, and how it ended; null while it runs. */
  get failure(): string | null {
    const { exitCode, signalCode, pid } = this.#child
    if (pid !== undefined && exitCode === null && signalCode === null) return null
    return `${this.#launch.command} ended (${signalCode ?? exitCode}): ${this.#problems.trim() || 'it said nothing'}`
  }

  /** Throws away what it has written to its output file. */
  emptyOutput(): void {
    if (this.#launch.output !== undefined) truncateSync(this.#launch.output)
  }

  /** Tells it to end, and forces it after a while. */
  stop(): Promise<void> {
    return stop(this.#child)
  }
}

function stop(child: ChildProcess): Promise<void> {
  if (!running.has(child) || child.pid === undefined) return Promise.resolve()
  return new Promise((resolve) => {
    const force = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
    child.once('exit', () => {
      clearTimeout(force)
      resolve()
    })
    child.kill('SIGTERM')
  })
}

/** Ends every program that is still running. */
export async function stopAll(): Promise<void> {
  await Promise.all([...running].map(stop))
}

/**
 * Runs a program to its end.
 * @param bound  milliseconds, after which it is killed
 * @returns what it has written to standard output
 * @throws Error with its standard error when it fails
 */
export function runProgram({ command, args, env }: Launch, core: number, bound: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const [wrapper, words] = onCore(core, command, args)
    const child = spawn(wrapper, words, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...ownEnvironment, ...env } })
    running.add(child)
    const force = setTimeout(() => child.kill('SIGKILL'), bound)
    let output = ''
    let problems = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      problems += text
    })
    child.on('error', reject)
    child.on('close', (code, signal) => {
      clearTimeout(force)
      running.delete(child)
      if (code === 0) resolve(output)
      else reject(new Error(`${command} ended (${signal ?? code}): ${problems.trim() || output.trim()}`))
    })
  })
}

/** A port of the loopback interface that nobody listens on. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
      .once('error', reject)
      .listen(0, '127.0.0.1', () => {
        const { port } = server.address() as AddressInfo
        server.close(() => resolve(port))
      })
  })
}
