import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

// What the proofs share: real processes that end with them, a folder of their own, and a line for each figure.

// far more than a busy machine needs
const START_MS = 120_000
export const GATEWAY = fileURLToPath(new URL('../bin/gatehouse.js', import.meta.url))

const running = new Set<ChildProcess>()
/** A folder that goes when the process does. */
export const folder = mkdtempSync(join(tmpdir(), 'gatehouse-proof-'))
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

/** Starts a program, and waits until it has written what says that it is ready. */
export async function program(
  command: string,
  args: string[],
  ready: RegExp,
  env: Record<string, string> = {},
): Promise<ChildProcess> {
  const child = spawn(command, args, {
    env: { ...process.env, NODE_ENV: 'production', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.add(child)
  child.on('exit', () => running.delete(child))
  let said = ''
  await new Promise<void>((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', () => reject(new Error(`${command} ended: ${said}`)))
    setTimeout(() => reject(new Error(`${command} is not ready after ${START_MS} ms: ${said}`)), START_MS).unref()
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.on('data', (text) => {
        said = (said + text).slice(-4000)
        if (ready.test(said)) resolve()
      })
    }
  })
  return child
}

/** Starts a gateway with the route files of the folder. */
export const gateway = (port: number, env: Record<string, string> = {}): Promise<ChildProcess> =>
  program(process.execPath, [GATEWAY, 'start', '--routes', folder, '--port', String(port)], /ready on/, {
    GATEHOUSE_LOG_ACCESS: 'false',
    GATEHOUSE_LOG_FORMAT: 'json',
    ...env,
  })

/** Starts a Redis that keeps nothing on disk. */
export const startRedis = (port: number): Promise<ChildProcess> =>
  program(
    'redis-server',
    ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'],
    /eady to accept connections/,
  )

export async function stop(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (!running.has(child)) return
  const gone = once(child, 'exit')
  child.kill(signal)
  await gone
}

let failed = false

/** Prints a figure, with what was wanted of it. */
export function report(what: string, figure: unknown, wanted: string, right: boolean): void {
  failed ||= !right
  process.stdout.write(
    `${right ? 'ok  ' : 'FAIL'}  ${what.padEnd(66)} ${typeof figure === 'object' ? JSON.stringify(figure) : String(figure)}  (wanted: ${wanted})\n`,
  )
}

/** Runs a proof; the process ends with 1 when a figure falls short. */
export async function prove(proof: () => Promise<void>): Promise<never> {
  try {
    await proof()
  } catch (error) {
    failed = true
    process.stderr.write(
      `${(error as NodeJS.ErrnoException).code === 'ENOENT' ? `install ${(error as NodeJS.ErrnoException).path}` : (error as Error).message}\n`,
    )
  }
  process.exit(failed ? 1 : 0)
}
