import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort, type Launch, RunningProgram } from './child-process.ts'
import { type LoadResult, sendLoad } from './load.ts'
import { nginxBackend } from './native-proxies.ts'
import { LARGE_PATH, largeBody, mediumBody, SMALL } from './payload.ts'
import { ask, untilAnswers } from './probe.ts'
import { coreBusyMicroseconds, cpuMicroseconds, peakMemory } from './process-usage.ts'
import { findProgram, LOAD_CORE, pinned, SERVER_CORE } from './programs.ts'
import type { Subject } from './subjects.ts'

/** How many connections the load keeps open. A large answer takes a core with few. */
export const CONNECTIONS = { small: 64, paced: 64, hit: 64, medium: 32, stream: 8 } as const

/** Requests a second of warming up that a server of this kind manages when nothing disturbs it. */
const WARM_REQUESTS = 8000

const bodies = {
  small: Buffer.from(SMALL),
  paced: Buffer.from(SMALL),
  hit: Buffer.from(SMALL),
  medium: mediumBody(),
  stream: largeBody(),
}

/** One round of load on a server. */
export interface Round extends LoadResult {
  /** User and system time that the server has used, in microseconds. */
  cpu: number
  /** Share of the server's core that other processes have used. */
  foreign: number
}

/** A folder outside of the repository that goes when the process does. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-bench-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Starts the backend on the load's core. @returns its host and port */
export async function startBackend(folder: string): Promise<string> {
  const port = await freePort()
  const nginx = findProgram('nginx')
  const launch: Launch =
    nginx === null
      ? {
          command: process.execPath,
          args: [fileURLToPath(new URL('servers/backend.ts', import.meta.url))],
          env: { PORT: String(port) },
        }
      : nginxBackend(nginx, { port, folder: join(folder, 'backend') })
  const program = new RunningProgram(launch, LOAD_CORE)
  await untilAnswers(port, '/', () => program.failure)
  const { body } = await ask(port, '/')
  const large = await ask(port, LARGE_PATH)
  if (!body.equals(bodies.small) || !large.body.equals(bodies.stream)) {
    throw new Error('the backend answers the wrong bytes')
  }
  return `127.0.0.1:${port}`
}

/** A server under test, running. */
export class Station {
  readonly subject: Subject
  readonly rounds: Round[] = []
  /** Requests a second that are sent; without it, as many as are answered. */
  rate: number | undefined
  /** Bytes; read after the last round. */
  peak = 0
  /** From the command to the first answer. */
  startSeconds = 0
  /** Processor time of the same, in seconds; others on the machine do not lengthen it. */
  startCpuSeconds = 0
  readonly #program: RunningProgram
  readonly #port: number
  readonly #folder: string

  private constructor(subject: Subject, program: RunningProgram, port: number, folder: string) {
    this.subject = subject
    this.#program = program
    this.#port = port
    this.#folder = folder
  }

  /** Starts a server and waits until it answers. */
  static async start(subject: Subject, backend: string, parent: string): Promise<Station> {
    const folder = join(parent, subject.name)
    mkdirSync(folder, { recursive: true })
    const port = await freePort()
    const begin = performance.now()
    const program = new RunningProgram(subject.launch!({ port, backend, folder }), SERVER_CORE)
    await untilAnswers(port, subject.path, () => program.failure)
    const station = new Station(subject, program, port, folder)
    station.startSeconds = (performance.now() - begin) / 1000
    station.startCpuSeconds = cpuMicroseconds(program.pid) / 1e6
    return station
  }

  /** @throws Error when it answers anything but 200 with the backend's bytes, or lets through what it must refuse */
  async check(): Promise<void> {
    const { name, path, headers, group, proofs = [], body: sent } = this.subject
    const { status, body } = await ask(this.#port, path, headers[0]!, sent)
    if (status !== 200) {
      throw new Error(`${name}: answered ${status} to ${path}, expected 200: ${body.toString('utf8', 0, 500)}`)
    }
    if (!body.equals(bodies[group])) {
      throw new Error(`${name}: answered ${body.length} bytes that are not the backend's ${bodies[group].length}`)
    }
    for (const proof of proofs) {
      const refused = await ask(this.#port, proof.path, proof.headers, proof.body)
      if (refused.status !== proof.status) {
        throw new Error(`${name}: answered ${refused.status} to ${proof.path}, expected ${proof.status}`)
      }
    }
  }

  /**
   * Sends load without keeping the figures, so that code is compiled and connections are open.
   * @param turns  how often these seconds are given at most, when a busy machine does too little in them
   * @returns how many requests a second were answered in the last turn
   */
  async warmUp(seconds: number, turns = 4): Promise<number> {
    const { group } = this.subject
    const wanted = group === 'small' || group === 'paced' || group === 'hit' ? WARM_REQUESTS * seconds : 0
    for (let turn = 1, sent = 0; ; turn++) {
      const { requests, seconds: taken } = await this.round(seconds)
      sent += requests
      if (turn >= turns || sent >= wanted) return requests / taken
    }
  }

  /** Measures a round, and keeps its figures. */
  async measure(seconds: number): Promise<void> {
    this.rounds.push(await this.round(seconds))
  }

  /** @throws Error when the server ended, or answered a single request with anything but 2xx */
  async round(seconds: number): Promise<Round> {
    const {
      subject: { name, path, headers, group, body },
    } = this
    const begin = performance.now()
    const coreBefore = coreBusyMicroseconds(SERVER_CORE)
    const cpuBefore = cpuMicroseconds(this.#program.pid)
    const result = await sendLoad({
      url: `http://127.0.0.1:${this.#port}${path}`,
      headers,
      body,
      connections: CONNECTIONS[group],
      rate: this.rate,
      seconds,
      folder: this.#folder,
    })
    const cpu = cpuMicroseconds(this.#program.pid) - cpuBefore
    const elapsed = (performance.now() - begin) * 1000
    const foreign = pinned ? Math.max(0, coreBusyMicroseconds(SERVER_CORE) - coreBefore - cpu) / elapsed : 0
    this.#program.emptyOutput()
    if (this.#program.failure !== null) throw new Error(`${name}: ${this.#program.failure}`)
    if (result.errors > 0) throw new Error(`${name}: ${result.errors} of ${result.requests} requests failed under load`)
    if (result.requests === 0) throw new Error(`${name}: answered no request in ${seconds} s`)
    this.peak = peakMemory(this.#program.pid)
    return { ...result, cpu, foreign }
  }

  stop(): Promise<void> {
    return this.#program.stop()
  }
}
