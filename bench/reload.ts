import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { freePort } from './child-process.ts'
import { cpuMicroseconds, endedChildren, peakMemory, processTree } from './process-usage.ts'

/**
 * How long `gatehouse start --watch` takes from the moment a route file is saved until the gateway serves what the file
 * says, and how much processor time all its processes use for that. The routes and documents are those of the
 * demo of each checkout.
 *
 * With the folders of other checkouts, their gateways take turns with this one's in the same run, since the times of
 * two runs cannot be compared on a machine that does other things too:
 *
 *     node bench/reload.ts --rounds 9 ../gatehouse-before
 */

const OWN = fileURLToPath(new URL('..', import.meta.url))
/** Milliseconds between two questions whether the change is served. */
const POLL = 5
/** Milliseconds of one question, and of everything that is waited for. */
const ANSWER_BOUND = 5000
const BOUND = 180_000
/**
 * Milliseconds after which a gateway is asked again whether it has done what it does after a change, such as preparing
 * a next child.
 */
const REST = 1000
/** Milliseconds of processor time in a `REST` that are none. */
const QUIET = 20

const probe = (version: number): string => `import { defineUpstream, Type } from 'gatehouse'

export default defineUpstream({
  name: 'probe',
  prefix: '/probe',
  auth: 'none',
  targets: ['http://127.0.0.1:9'],
  routes: [{ method: 'GET', url: '/${version}', redirect: { to: '/elsewhere', status: 302 }, schema: { response: { 302: Type.Null() } } }],
})
`

interface Measured {
  wall: number
  cpu: number
}

/** A watched gateway of one checkout, with a folder of its own. */
class WatchedGateway {
  readonly checkout: string
  readonly measured: Measured[] = []
  readonly #folder = realpathSync(mkdtempSync(join(tmpdir(), 'gatehouse-reload-')))
  #child!: ChildProcess
  #url = ''
  #version = 0

  constructor(checkout: string) {
    this.checkout = checkout
  }

  async start(): Promise<void> {
    for (const folder of ['routes', 'openapi']) {
      cpSync(join(this.checkout, folder), join(this.#folder, folder), { recursive: true })
    }
    this.#write()
    const port = await freePort()
    this.#url = `http://127.0.0.1:${port}`
    this.#child = spawn(
      process.execPath,
      [join(this.checkout, 'bin/gatehouse.js'), 'start', '--watch', '--port', String(port)],
      {
        cwd: this.#folder,
        env: { PATH: process.env.PATH, NODE_ENV: 'production', GATEHOUSE_JWT_SECRET: 'x'.repeat(40) },
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    )
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      if (!text.startsWith('watch: ')) process.stderr.write(text)
    })
    await this.#served()
    await this.#quiet()
  }

  async reload(): Promise<void> {
    const pid = this.#child.pid!
    const cpu = cpuWithEnded(pid)
    const since = performance.now()
    this.#version++
    this.#write()
    await this.#served()
    const wall = performance.now() - since
    await this.#quiet()
    const measured = { wall, cpu: (cpuWithEnded(pid) - cpu) / 1000 }
    this.measured.push(measured)
    process.stderr.write(
      `${this.checkout}: served after ${Math.round(wall)} ms, processor time ${Math.round(measured.cpu)} ms\n`,
    )
  }

  /** Resolves when its processes do nothing any more. */
  async #quiet(): Promise<void> {
    const deadline = performance.now() + BOUND
    for (let before = 0, now = Infinity; now - before > QUIET && performance.now() < deadline;) {
      before = cpuWithEnded(this.#child.pid!) / 1000
      await pause(REST)
      now = cpuWithEnded(this.#child.pid!) / 1000
    }
  }

  get memory(): number {
    return peakMemory(this.#child.pid!)
  }
  get processes(): number {
    return processTree(this.#child.pid!).length
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null) {
      this.#child.kill('SIGTERM')
      await once(this.#child, 'exit')
    }
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #write(): void {
    writeFileSync(join(this.#folder, 'routes/probe.ts'), probe(this.#version))
  }

  /** Resolves when the newest version of the file is served. */
  async #served(): Promise<void> {
    const deadline = performance.now() + BOUND
    while (performance.now() < deadline) {
      const status = await fetch(`${this.#url}/probe/${this.#version}`, {
        redirect: 'manual',
        headers: { connection: 'close' },
        signal: AbortSignal.timeout(ANSWER_BOUND),
      }).then(
        (response) => response.status,
        () => 0,
      )
      if (status === 302) return
      if (this.#child.exitCode !== null) {
        throw new Error(`the gateway of ${this.checkout} has ended with ${this.#child.exitCode}`)
      }
      await pause(POLL)
    }
    throw new Error(`the gateway of ${this.checkout} does not serve the change within ${BOUND / 1000} s`)
  }
}

/** Processor time of a process tree; that of children which have ended counts as soon as their parent has seen it. */
function cpuWithEnded(pid: number): number {
  return processTree(pid).reduce((sum, member) => sum + endedChildren(member), cpuMicroseconds(pid))
}

const median = (values: number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!

const {
  values: { rounds },
  positionals,
} = parseArgs({ options: { rounds: { type: 'string', default: '7' } }, allowPositionals: true })
const gateways = [OWN, ...positionals.map((folder) => resolve(folder))].map((folder) => new WatchedGateway(folder))
try {
  for (const gateway of gateways) await gateway.start()
  // the first change fills caches
  for (let round = 0; round <= Number(rounds); round++) {
    for (const gateway of gateways) {
      await gateway.reload()
      if (round === 0) gateway.measured.length = 0
    }
  }
  for (const { checkout, measured, memory, processes } of gateways) {
    const walls = measured.map(({ wall }) => Math.round(wall))
    process.stdout.write(
      `${checkout}\n  saved until served: median ${median(walls)} ms, of ${walls.toSorted((a, b) => a - b).join(' ')}\n` +
        `  processor time of all processes: median ${Math.round(median(measured.map(({ cpu }) => cpu)))} ms a change; ${processes} processes, peak ${Math.round(memory / 2 ** 20)} MiB together\n`,
    )
  }
} finally {
  await Promise.all(gateways.map((gateway) => gateway.stop()))
}
