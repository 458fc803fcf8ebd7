import cluster, { type Worker } from 'node:cluster'
import { STOP_MESSAGE } from '../listener/process-signals.ts'
import type { UpstreamsMemory } from '../upstream/upstream-registry.ts'
import { STATE_WAIT, supervisionMessage, type SupervisionMessage, type SupervisorRequest } from './supervision.ts'

/** How much longer than it should a child may take to end, before it is killed. Milliseconds. */
const STOP_SLACK = 2000
/** How long a child may take to end that the supervisor has told to close its connections. Milliseconds. */
const END_BOUND = 5000
/** setTimeout takes longer ones for 1 ms. */
const LONGEST_TIMER = 2 ** 31 - 1

/**
 * What becomes of a child: it waits for its turn, starts, serves, keeps the connections that it has, and is told to
 * end.
 */
export type ChildStage = 'waiting' | 'starting' | 'serving' | 'retired' | 'ending'

/** A gateway in a process of its own, as the supervisor sees it. It ends with the supervisor, however that ends. */
export class WatchedChild {
  readonly #worker: Worker = cluster.fork()
  readonly bornAt = Date.now()
  /** Exit code, or the name of the signal that ended it. */
  readonly exit: Promise<number | string>
  readonly #listens = Promise.withResolvers<void>()
  /** Resolves when it serves. */
  readonly ready = this.#listens.promise
  stage: ChildStage = 'waiting'
  /** Modules of the gateway that it has loaded: URLs. */
  engine: readonly string[] = []
  /** When it began to read the files. Milliseconds since 1970. */
  startedAt = 0
  /** Connections in use that it keeps after it has retired; 0 until its idle ones have had the time to close. */
  keeps = 0
  /** Milliseconds that its stop takes at most, once it is known. */
  stopsWithin = 0

  constructor(hear: (message: SupervisionMessage) => void) {
    this.#worker.on('message', (received: unknown) => {
      const message = supervisionMessage(received)
      if (message !== undefined) hear(message)
    })
    // it closed its channel while a message was on the way to it: 'exit' says the rest
    this.#worker.on('error', () => {})
    this.exit = new Promise((resolve) => {
      this.#worker.once('exit', (code, signal) => resolve(signal ?? code))
    })
  }

  send(message: SupervisorRequest): void {
    if (this.#worker.isConnected()) this.#worker.send({ gatehouse: message })
  }

  /** @param logged  lines that it need not log once more */
  start(logged: readonly string[]): void {
    this.stage = 'starting'
    this.startedAt = Date.now()
    this.send({ start: true, logged })
  }

  /** It has said that it listens. */
  serve(): void {
    this.stage = 'serving'
    this.#listens.resolve()
  }

  /** Has it leave new connections to another one. */
  retire(): void {
    this.stage = 'retired'
    this.send({ retire: true })
  }

  /** Has it close the connections that it still has. */
  end(): void {
    this.stage = 'ending'
    this.send({ end: true })
    this.#killAfter(END_BOUND)
  }

  /** Ends it as gracefully as a gateway ends that is on its own. */
  stop(): void {
    if (this.stage === 'waiting') return this.kill()
    // a child that listens gets a message, since a Ctrl-C has reached it already and a second signal would cut it short
    if (this.stage === 'starting') this.#worker.process.kill('SIGTERM')
    else if (this.#worker.isConnected()) this.#worker.send(STOP_MESSAGE)
    this.#killAfter(this.stopsWithin + STOP_SLACK)
  }

  kill(): void {
    this.#worker.process.kill('SIGKILL')
  }

  #killAfter(time: number): void {
    const timer = setTimeout(() => this.kill(), Math.min(time, LONGEST_TIMER))
    this.exit.then(() => clearTimeout(timer))
  }

  /** What it knows of its targets, in time for the one that takes over. */
  state(): Promise<UpstreamsMemory> {
    const { promise, resolve } = Promise.withResolvers<UpstreamsMemory>()
    if (!this.#worker.isConnected()) return Promise.resolve({})
    const hear = (received: unknown): void => {
      const message = supervisionMessage(received)
      if (message !== undefined && 'state' in message) resolve(message.state)
    }
    this.#worker.on('message', hear)
    this.send({ tell: 'state' })
    setTimeout(resolve, STATE_WAIT, {}).unref()
    return promise.finally(() => {
      this.#worker.off('message', hear)
    })
  }
}
