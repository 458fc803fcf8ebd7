import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'

const EXECUTABLE = fileURLToPath(new URL('../../bin/gatehouse.js', import.meta.url))

export interface CommandOptions {
  cwd: string
  env?: Record<string, string>
}

/** A command line that runs. */
export interface RunningCommand {
  child: ChildProcess
  /** What it has written so far. */
  stdout(): string
  stderr(): string
  /** The first line of either stream that matches. Rejects when the command ends without it. */
  line(pattern: RegExp): Promise<string>
  /** The same, of the lines that are written from now on. */
  next(pattern: RegExp): Promise<string>
  /** Exit code; a number above 128 is the signal that ended it. */
  exit: Promise<number>
}

/** The environment of this process without settings of a gateway. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith('GATEHOUSE_') && name !== 'NODE_TEST_CONTEXT'),
  )
}

/** Starts `gatehouse`; it is killed when the test ends. */
export function startCommand(t: TestContext, words: string[], { cwd, env = {} }: CommandOptions): RunningCommand {
  const child = spawn(process.execPath, [EXECUTABLE, ...words], {
    cwd,
    env: { ...cleanEnvironment(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const written = { stdout: '', stderr: '' }
  const lines: string[] = []
  const waiting = new Set<(line: string) => void>()
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]!.on('data', (chunk: Buffer) => {
      written[name] += chunk
    })
    createInterface({ input: child[name]! }).on('line', (line) => {
      lines.push(line)
      for (const tell of waiting) tell(line)
    })
  }
  const exit = once(child, 'close').then(([code, signal]) => code ?? 128 + (signal === 'SIGKILL' ? 9 : 15))
  t.after(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    await exit
  })
  const lineOf = (pattern: RegExp, before: readonly string[]): Promise<string> =>
    new Promise((resolve, reject) => {
      const tell = (line: string): void => {
        if (!pattern.test(line)) return
        waiting.delete(tell)
        resolve(line)
      }
      waiting.add(tell)
      for (const line of before) tell(line)
      exit.then((code) =>
        reject(new Error(`ended with ${code} and without ${pattern}:\n${written.stdout}${written.stderr}`)),
      )
    })
  return {
    child,
    stdout: () => written.stdout,
    stderr: () => written.stderr,
    exit,
    line: (pattern) => lineOf(pattern, [...lines]),
    next: (pattern) => lineOf(pattern, []),
  }
}

/** Runs `gatehouse` to its end. */
export async function runCommand(
  t: TestContext,
  words: string[],
  options: CommandOptions,
): Promise<{ code: number; stdout: string; stderr: string }> {
  const command = startCommand(t, words, options)
  const code = await command.exit
  return { code, stdout: command.stdout(), stderr: command.stderr() }
}
