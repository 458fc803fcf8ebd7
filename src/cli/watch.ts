import cluster, { type Worker } from 'node:cluster'
import { spawn, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { ignoreHangup, NO_RELOAD_NEEDED } from '../listener/hangup-signal.ts'
import { SAME_SIGNAL, STOP_MESSAGE } from '../listener/process-signals.ts'
import { configArguments, type ConfigOptions } from './command-config.ts'
import { FileWatch } from './file-watch.ts'
import type { UpstreamsMemory } from '../upstream/upstream-registry.ts'
import { STATE_WAIT, supervisionMessage, type SupervisorRequest } from './supervision.ts'

const EXECUTABLE = fileURLToPath(new URL('../../bin/gatehouse.js', import.meta.url))

const say = (text: string): void => { process.stderr.write(`watch: ${text}\n`) }

/**
 * Runs the gateway in a child process and replaces it when a file changes.
 *
 * This process holds the listening socket (`node:cluster`) and hands connections to the child. A new child starts while the
 * old one still serves, and takes over when it is ready: there is no moment without a listener, and what the old one
 * has begun it finishes. Children end with this process, however that ends, since their IPC channel closes.
 */
class Supervisor {
  readonly #options: ConfigOptions
  readonly #files = new FileWatch(() => { this.#reload() })
  readonly #children = new Set<Worker>()
  readonly #listening = new WeakSet<Worker>()
  readonly #finish: (code: number) => void
  #current: Worker | undefined
  #check: ChildProcess | undefined
  #busy = false
  #changedMeanwhile = false
  #stopping = false
  #stoppingSince = 0

  constructor (options: ConfigOptions, finish: (code: number) => void) {
    this.#options = options
    this.#finish = finish
    cluster.setupPrimary({ exec: EXECUTABLE, args: ['start', ...configArguments(options)] })
  }

  async begin (): Promise<void> {
    this.#busy = true
    const code = await this.#replace()
    this.#busy = false
    // a gateway that never ran has named no files to wait for
    if (this.#stopping) return
    if (this.#current === undefined) this.#end(code || 1)
    else if (this.#changedMeanwhile) this.#reload()
  }

  stop (): void {
    if (this.#stopping) {
      if (Date.now() - this.#stoppingSince < SAME_SIGNAL) return
      for (const child of this.#children) child.process.kill('SIGKILL')
      return
    }
    this.#stopping = true
    this.#stoppingSince = Date.now()
    this.#files.close()
    this.#check?.kill()
    for (const child of this.#children) this.#stopChild(child)
    if (this.#children.size === 0) this.#end(0)
  }

  #end (code: number): void {
    this.#files.close()
    this.#finish(code)
  }

  #stopChild (child: Worker): void {
    // a child that listens gets a message, since a Ctrl-C has reached it already and a second signal would cut it short
    if (!this.#listening.has(child)) child.process.kill('SIGTERM')
    else if (child.isConnected()) child.send(STOP_MESSAGE)
  }

  async #reload (): Promise<void> {
    if (this.#stopping) return
    if (this.#busy) {
      this.#changedMeanwhile = true
      return
    }
    this.#busy = true
    do {
      this.#changedMeanwhile = false
      if (await this.#runCheck() === 0) {
        if (!this.#stopping) await this.#replace()
      } else if (!this.#stopping) say(this.#current ? 'the gateway goes on as it was' : 'waiting for a change')
    } while (this.#changedMeanwhile && !this.#stopping)
    this.#busy = false
  }

  /** Exit code of `gatehouse check`, which has printed what is wrong. */
  #runCheck (): Promise<number> {
    return new Promise((resolve) => {
      const check = spawn(process.execPath, [EXECUTABLE, 'check', ...configArguments(this.#options)], { stdio: ['ignore', 'ignore', 'inherit'] })
      this.#check = check
      check.on('error', () => resolve(1))
      check.on('exit', (code) => resolve(code ?? 1))
    })
  }

  /** What the gateway that runs knows of its targets, in time for the one that takes over. */
  #state (): Promise<UpstreamsMemory> {
    const { promise, resolve } = Promise.withResolvers<UpstreamsMemory>()
    if (!this.#current?.isConnected()) return Promise.resolve({})
    const { process: child } = this.#current
    const hear = (received: unknown): void => {
      const message = supervisionMessage(received)
      if (message !== undefined && 'state' in message) resolve(message.state)
    }
    child.on('message', hear)
    promise.then(() => child.off('message', hear))
    this.#current.send({ gatehouse: { tell: 'state' } satisfies SupervisorRequest })
    setTimeout(resolve, STATE_WAIT, {}).unref()
    return promise
  }

  /** Starts a child and, once it listens, stops the one before. Resolves to the exit code of a child that never did. */
  #replace (): Promise<number> {
    return new Promise((resolve) => {
      const child = cluster.fork()
      this.#children.add(child)
      child.on('message', (received: unknown) => {
        const message = supervisionMessage(received)
        if (message === undefined || 'state' in message) return
        if ('changed' in message) {
          this.#reload()
          return
        }
        if ('asks' in message) {
          this.#state().then((state) => { if (child.isConnected()) child.send({ gatehouse: { state } satisfies SupervisorRequest }) })
          return
        }
        if ('watch' in message) {
          if (!this.#stopping) this.#files.watch(message.watch)
          return
        }
        const before = this.#current
        this.#current = child
        this.#listening.add(child)
        if (this.#stopping) this.#stopChild(child)
        if (before) {
          this.#stopChild(before)
          say('the gateway has taken over the changes')
        }
        resolve(0)
      })
      // it closed its channel while a message was on the way to it: 'exit' says the rest
      child.on('error', () => {})
      child.on('exit', (code, signal) => {
        this.#children.delete(child)
        if (this.#current === child) {
          this.#current = undefined
          if (!this.#stopping) say(`the gateway has ended with ${signal ?? `code ${code}`}, waiting for a change`)
        } else if (!this.#listening.has(child) && this.#current && !this.#stopping) say('the gateway goes on as it was')
        if (this.#stopping && this.#children.size === 0) this.#end(0)
        resolve(code)
      })
    })
  }
}

/** `gatehouse start --watch`. Resolves to the exit code, once every child has ended. */
export function watch (options: ConfigOptions): Promise<number> {
  return new Promise((resolve) => {
    const supervisor = new Supervisor(options, resolve)
    process.on('SIGINT', () => supervisor.stop())
    process.on('SIGTERM', () => supervisor.stop())
    ignoreHangup(() => say(NO_RELOAD_NEEDED))
    supervisor.begin()
  })
}
