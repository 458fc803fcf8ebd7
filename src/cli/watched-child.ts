import cluster, { type Worker } from 'node:cluster'
import { STOP_MESSAGE } from '../listener/process-signals.ts'
import type { UpstreamsMemory } from '../upstream/upstream-registry.ts'
import { STATE_WAIT, supervisionMessage, type SupervisionMessage, type SupervisorRequest } from './supervision.ts'

/** How long a child may exceed its stop time before it is killed, in milliseconds. */
const STOP_SLACK = 2000
/** How long a child may take to end after the supervisor has asked it to close its connections, in milliseconds. */
const END_BOUND = 5000
/** The longest delay that setTimeout supports: a longer one would become 1 ms. */
const LONGEST_TIMER = 2 ** 31 - 1

/**
 * The life of a child, in this order: waiting to start, starting, serving, retired (keeps its existing connections),
 * ending.
 */
export type ChildStage = 'waiting' | 'starting' | 'serving' | 'retired' | 'ending'

/**
 * The supervisor's view of a gateway in a child process. The child ends when the supervisor ends, for whatever reason.
 */
export class WatchedChild {
  readonly #worker: Worker = cluster.fork()
  readonly bornAt = Date.now()
  /** Exit code, or the name of the signal that ended it. */
  readonly exit: Promise<number | string>
  readonly #listens = Promise.withResolvers<void>()
  /** Resolves when it serves. */
  readonly ready = this.#listens.promise
  stage: ChildStage = 'waiting'
  /** URLs of the gateway's modules that it has loaded. */
  engine: readonly string[] = []
  /** When it began to read the files. Milliseconds since 1970. */
  startedAt = 0
  /**
   * The number of connections in use that it keeps after it has retired; 0 until the grace time of idle connections is
   * over.
   */
  keeps = 0
  /** The maximum duration of its stop in milliseconds, once it is known. */
  stopsWithin = 0

  constructor(hear: (message: SupervisionMessage) => void) {
    this.#worker.on('message', (received: unknown) => {
      const message = supervisionMessage(received)
      if (message !== undefined) hear(message)
    })
    // it closed its channel while a message was being sent; the 'exit' event follows
    this.#worker.on('error', () => {})
    this.exit = new Promise((resolve) => {
      this.#worker.once('exit', (code, signal) => resolve(signal ?? code))
    })
  }

  send(message: SupervisorRequest): void {
    if (this.#worker.isConnected()) this.#worker.send({ gatehouse: message })
  }

  /** @param logged  log lines that it need not repeat */
  start(logged: readonly string[]): void {
    this.stage = 'starting'
    this.startedAt = Date.now()
    this.send({ start: true, logged })
  }

  /** To be called when it has reported that it listens. */
  serve(): void {
    this.stage = 'serving'
    this.#listens.resolve()
  }

  /** Asks it to leave new connections to the newer child. */
  retire(): void {
    this.stage = 'retired'
    this.send({ retire: true })
  }

  /** Asks it to close its remaining connections. */
  end(): void {
    this.stage = 'ending'
    this.send({ end: true })
    this.#killAfter(END_BOUND)
  }

  /** Stops it gracefully, like a gateway without a supervisor. */
  stop(): void {
    if (this.stage === 'waiting') return this.kill()
    // a child that listens gets a message instead of a signal: a Ctrl-C has reached it already, and a second signal
    // would end it at once
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

  /** Asks for its knowledge of its targets, for the child that takes over. */
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
