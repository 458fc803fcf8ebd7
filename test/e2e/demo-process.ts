import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { eventually } from '../support/eventually.ts'

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** The demo as a user runs it, with what it has printed. */
export interface DemoProcess {
  /** Base address of the gateway. */
  url: string
  docs: string
  readToken: string
  writeToken: string
  /** The lines to copy, by the status that they promise. */
  curl: Record<string, string>
  output(): string
  /** Sends a signal to the whole process group, as Ctrl-C does, and resolves to the exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>
  /** Whether any process of the group still lives. */
  alive(): boolean
}

/** What is around a test; `after` ends what was started. */
export type Scope = Pick<TestContext, 'after'>

/** Starts a program in a process group of its own, which ends with the test at the latest. */
export function startProgram(scope: Scope, command: string, args: string[], env: NodeJS.ProcessEnv = {}) {
  const child = spawn(command, args, {
    cwd: ROOT,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NODE_TEST_CONTEXT: undefined, ...env },
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text
  })
  const exit = once(child, 'close').then(([code]) => code as number | null)
  const alive = () => {
    try {
      return process.kill(-child.pid!, 0)
    } catch {
      return false
    }
  }
  scope.after(() => {
    if (alive()) process.kill(-child.pid!, 'SIGKILL')
  })
  return {
    child,
    exit,
    alive,
    stdout: () => stdout,
    stderr: () => stderr,
    signal: (signal: NodeJS.Signals) => process.kill(-child.pid!, signal),
  }
}

/** Starts the demo on a port that the system chooses and waits until it has said everything. */
export async function startDemo(
  scope: Scope,
  {
    args = [],
    env,
    command = [process.execPath, join(ROOT, 'demo/start.ts')],
  }: { args?: string[]; env?: NodeJS.ProcessEnv; command?: string[] } = {},
): Promise<DemoProcess> {
  const program = startProgram(scope, command[0]!, [...command.slice(1), '--port', '0', ...args], env)
  const said = () => program.stdout() + program.stderr()
  let ended = false
  program.exit.then(() => {
    ended = true
  })
  await eventually('the demo prints its welcome', () => ended || program.stdout().includes('Ctrl-C'))
  if (ended) throw new Error(`the demo ended: ${said()}`)
  const find = (pattern: RegExp) => {
    const match = pattern.exec(program.stdout())
    if (!match) throw new Error(`the welcome lacks ${pattern}: ${said()}`)
    return match[1]!
  }
  return {
    url: find(/listens on (http:\/\/127\.0\.0\.1:\d+)/),
    docs: find(/Swagger UI: (\S+)/),
    readToken: find(/^READ_TOKEN=(\S+)/m),
    writeToken: find(/^TOKEN=(\S+)/m),
    curl: Object.fromEntries(
      ['200', '401', '429'].map((status) => [status, find(new RegExp(`^ *${status}, .*\\n\\s*(curl .*)`, 'm'))]),
    ),
    output: said,
    stop(signal = 'SIGINT') {
      program.signal(signal)
      return program.exit
    },
    alive: program.alive,
  }
}

/** A folder for the time of a test, with a copy of the sample routes. */
export async function copiedRoutes(scope: Scope): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'gatehouse-routes-'))
  scope.after(() => rm(folder, { recursive: true, force: true }))
  await cp(join(ROOT, 'routes'), folder, { recursive: true })
  return folder
}
