import cluster from 'node:cluster'
import { statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { ignoreHangup, NO_RELOAD_NEEDED, SAME_SIGNAL } from '../listener/process-signals.ts'
import { configArguments, type ConfigOptions } from './command-config.ts'
import { GatewayFiles } from './gateway-files.ts'
import type { SupervisionMessage } from './supervision.ts'
import { WatchedChild } from './watched-child.ts'

const EXECUTABLE = fileURLToPath(new URL('../../bin/gatehouse.js', import.meta.url))
/** The maximum number of replaced children that may keep connections in use. */
const MOST_RETIRED = 2

const say = (text: string): void => {
  process.stderr.write(`watch: ${text}\n`)
}
const connections = (count: number): string => (count === 1 ? '1 connection' : `${count} connections`)

/**
 * Runs the gateway in a child process, and replaces the child when the meaning of a file changes.
 *
 * This process holds the listening socket (`node:cluster`) and hands connections to the child. A new child starts while
 * the old one still serves, and takes over when it is ready: there is no moment without a listener. A child that cannot
 * start reports why, and the old one continues. A replaced child keeps its existing connections. One more child stands
 * by with the gateway's modules loaded, so that the next change takes effect quickly.
 */
class Supervisor {
  readonly #files = new GatewayFiles(
    () => {
      this.#reload(false)
    },
    () => {
      this.#reload(true)
    },
  )
  readonly #finish: (code: number) => void
  /** All running children, in the order of their start. */
  readonly #children = new Set<WatchedChild>()
  #current: WatchedChild | undefined
  #standby: WatchedChild | undefined
  /** URLs of the gateway's modules that the serving child has loaded. */
  #engine: readonly string[] = []
  /** The lines that the serving gateway has logged at its start. */
  #logged: readonly string[] = []
  /** Whether the first gateway could not start because of mistakes in files. */
  #mendable = false
  #busy = false
  #changedMeanwhile = false
  #forced = false
  #stopping = false
  #stoppingSince = 0

  constructor(options: ConfigOptions, finish: (code: number) => void) {
    this.#finish = finish
    cluster.setupPrimary({ exec: EXECUTABLE, args: ['start', ...configArguments(options)] })
  }

  async begin(): Promise<void> {
    this.#busy = true
    const code = await this.#replace()
    this.#busy = false
    if (this.#stopping) return
    if (this.#current === undefined && !this.#mendable) {
      return this.#end(typeof code === 'number' && code > 0 ? code : 1)
    }
    if (this.#changedMeanwhile) this.#reload(this.#forced)
    else if (this.#current === undefined) say('waiting for a change that mends this')
  }

  stop(): void {
    if (this.#stopping) {
      if (Date.now() - this.#stoppingSince < SAME_SIGNAL) return
      for (const child of this.#children) child.kill()
      return
    }
    this.#stopping = true
    this.#stoppingSince = Date.now()
    this.#files.close()
    for (const child of this.#children) child.stop()
    if (this.#children.size === 0) this.#end(0)
  }

  #end(code: number): void {
    this.#files.close()
    this.#finish(code)
  }

  /** @param forced  reload even when no file has changed its meaning */
  async #reload(forced: boolean): Promise<void> {
    this.#forced ||= forced
    this.#changedMeanwhile = true
    if (this.#busy) return
    this.#busy = true
    while (this.#changedMeanwhile && !this.#stopping) {
      const isForced = this.#forced
      this.#changedMeanwhile = this.#forced = false
      await this.#takeOver(isForced)
    }
    this.#busy = false
  }

  async #takeOver(forced: boolean): Promise<void> {
    const isUnchanged = await this.#files.unchanged()
    if (this.#stopping) return
    if (isUnchanged && !forced && this.#current !== undefined) {
      say('nothing changed in what the files declare')
      return
    }
    await this.#replace()
    if (!this.#stopping && this.#current === undefined) say('waiting for a change')
  }

  /** Starts a child. Resolves when it serves; if it ends before, resolves to its exit code or signal. */
  async #replace(): Promise<void | number | string> {
    const child = this.#next()
    child.start(this.#current === undefined ? [] : this.#logged)
    const code = await Promise.race([child.ready, child.exit])
    if (this.#current !== undefined) this.#prepare()
    return code
  }

  /**
   * Returns the standby child, or a new one when the gateway's own modules have changed since the standby child was
   * started.
   */
  #next(): WatchedChild {
    const standby = this.#standby
    this.#standby = undefined
    if (standby === undefined) return this.#fork()
    const isStale = this.#engine.some(
      (url) => (statSync(fileURLToPath(url), { throwIfNoEntry: false })?.ctimeMs ?? Infinity) > standby.bornAt,
    )
    if (!isStale) return standby
    standby.kill()
    return this.#fork()
  }

  /** Starts the next standby child, which loads its modules in advance. */
  #prepare(): void {
    if (this.#stopping || this.#standby !== undefined) return
    this.#standby = this.#fork()
    this.#standby.send({ engine: this.#engine })
    // load this now: the next change needs it
    import('./file-snapshot.ts')
  }

  #fork(): WatchedChild {
    const child = new WatchedChild((message) => this.#hear(child, message))
    this.#children.add(child)
    child.exit.then((code) => this.#ended(child, code))
    return child
  }

  #hear(child: WatchedChild, message: SupervisionMessage): void {
    if ('watch' in message) {
      child.stopsWithin = message.stopsWithin
      if (!this.#stopping) this.#files.watch(message.watch, child.startedAt)
    } else if ('imported' in message) {
      child.engine = message.imported.engine
      if (!this.#stopping) this.#files.watchImported(message.imported.files, child.startedAt)
    } else if ('mendable' in message) {
      this.#mendable = true
      if (!this.#stopping) this.#files.watchFaulty(message.mendable, child.startedAt)
    } else if ('logged' in message) this.#logged = message.logged
    else if ('ready' in message) this.#ready(child)
    else if ('changed' in message) {
      if (child === this.#current) this.#reload(true)
    } else if ('asks' in message) {
      Promise.resolve(this.#current?.state() ?? {}).then((state) => child.send({ state }))
    } else if ('retired' in message) {
      say(
        `the gateway has taken over the changes${message.retired > 0 ? `, the one before keeps ${connections(message.retired)} until ${message.retired === 1 ? 'it ends' : 'they end'}` : ''}`,
      )
    } else if ('keeps' in message) {
      child.keeps = message.keeps
      this.#limitRetired()
    } else if ('ended' in message && message.ended > 0) {
      say(
        `of the gateways that were replaced no more than ${MOST_RETIRED} are kept: the oldest has closed ${connections(message.ended)}`,
      )
    }
  }

  #ready(child: WatchedChild): void {
    const before = this.#current
    this.#current = child
    this.#engine = child.engine
    this.#files.served()
    child.serve()
    // report to a parent process with an IPC channel, such as the demo
    if (process.connected) process.send?.('ready')
    if (this.#stopping) return child.stop()
    before?.retire()
  }

  /**
   * Ends the oldest retired child when too many keep connections in use. Children without such connections end by
   * themselves.
   */
  #limitRetired(): void {
    const keeping = [...this.#children].filter(({ stage, keeps }) => stage === 'retired' && keeps > 0)
    if (keeping.length > MOST_RETIRED) keeping[0]!.end()
  }

  #ended(child: WatchedChild, code: number | string): void {
    this.#children.delete(child)
    if (child === this.#standby) this.#standby = undefined
    if (child === this.#current) {
      this.#current = undefined
      if (!this.#stopping) {
        say(`the gateway has ended with ${typeof code === 'string' ? code : `code ${code}`}, waiting for a change`)
      }
    } else if (child.stage === 'starting' && this.#current && !this.#stopping) say('the gateway goes on as it was')
    if (this.#stopping && this.#children.size === 0) this.#end(0)
  }
}

/** `gatehouse start --watch`. Resolves to the exit code, once every child has ended. */
export function watch(options: ConfigOptions): Promise<number> {
  return new Promise((resolve) => {
    const supervisor = new Supervisor(options, resolve)
    process.on('SIGINT', () => supervisor.stop())
    process.on('SIGTERM', () => supervisor.stop())
    ignoreHangup(() => say(NO_RELOAD_NEEDED))
    supervisor.begin()
  })
}
