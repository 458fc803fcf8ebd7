import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { RunningProgram } from '../child-process.ts'
import { untilAnswers } from '../probe.ts'
import { LOAD_CORE } from '../programs.ts'

/** A busy machine takes its time. */
const START_MS = 180_000

/** An application of others that is driven through the gateway. */
export interface Application {
  /** The name of its declaration in `docs/applications.md`. */
  name: string
  /** What is installed for it: package to version. */
  packages: Readonly<Record<string, string>>
  /** Starts its servers. @returns their ports, in the order of the declaration's targets */
  start: (workshop: Workshop) => Promise<number[]>
  /** Uses it through the gateway as its own clients would. */
  drive: (drive: Drive) => Promise<void>
}

/** Where the applications are installed, and where one of them keeps its data. */
export class Workshop {
  readonly folder: string
  readonly #installed: string
  readonly #require: NodeJS.Require

  constructor(installed: string, folder: string) {
    this.#installed = installed
    this.folder = folder
    this.#require = createRequire(join(installed, 'package.json'))
  }

  /** Loads an installed package into this process. */
  load<T>(name: string): T {
    return this.#require(name) as T
  }

  /** The path of a file of an installed package. */
  file(...parts: string[]): string {
    return join(this.#installed, 'node_modules', ...parts)
  }

  /** Starts a server with this Node, and waits until it answers on its port. */
  async serve(args: readonly string[], port: number, env: Record<string, string> = {}): Promise<void> {
    const output = join(this.folder, 'output.log')
    const program = new RunningProgram(
      {
        command: process.execPath,
        args,
        env: { PORT: String(port), APPLICATIONS: this.#installed, ...env },
        output,
      },
      LOAD_CORE,
    )
    try {
      await untilAnswers(port, '/', () => program.failure, START_MS)
    } catch (error) {
      const said = readFileSync(output, 'utf8').slice(-2000)
      throw new Error(`${args[0]}: ${(error as Error).message}\n${said}`, { cause: error })
    }
  }
}

/** The result of one thing that was tried. */
export interface Step {
  what: string
  /** Why it failed; null when it went well. */
  problem: string | null
}

/** One application behind the gateway, and what came of using it. */
export class Drive {
  readonly workshop: Workshop
  /** The address of the application at the gateway, without a slash at the end. */
  readonly url: string
  readonly steps: Step[] = []
  readonly #stepMs: number

  /** @param stepMs  bound of each step, in milliseconds */
  constructor(workshop: Workshop, url: string, stepMs: number) {
    this.workshop = workshop
    this.url = url
    this.#stepMs = stepMs
  }

  /** Tries something. Records a failure and goes on; the steps that need its result fail as well. */
  async step(what: string, attempt: () => Promise<void>): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`not done after ${this.#stepMs} ms`)), this.#stepMs)
    })
    try {
      await Promise.race([attempt(), late])
      this.steps.push({ what, problem: null })
    } catch (error) {
      this.steps.push({ what, problem: wording(error) })
    } finally {
      clearTimeout(timer)
    }
  }
}

function wording(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const cause = error.cause instanceof Error ? ` (${error.cause.message})` : ''
  return `${error.name === 'Error' || error.name === 'AssertionError' ? '' : `${error.name}: `}${error.message}${cause}`
}
