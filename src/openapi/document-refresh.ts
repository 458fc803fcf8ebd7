import { BootProblems, type Problem, reasonOf } from '../errors.ts'
import { type LoadOptions, refreshApiDocument } from './load-document.ts'
import type { ApiDocument } from '../schema/types.ts'

/** How far pauses differ from the interval, so that many gateways do not ask at once. */
const JITTER = 0.1

export interface DocumentRefreshOptions {
  /** As `loadApiDocument` was given it. */
  reference: string
  load: LoadOptions
  /** What is in use. */
  document: ApiDocument
  /** Milliseconds between the end of one look and the next, give or take a tenth. */
  interval: number
  /** Told of each new version; what it throws is told to `onFailure`, and the next look finds the same change again. */
  onChange: (document: ApiDocument) => void | Promise<void>
  /** Told when a look fails, at the first of several in a row only. */
  onFailure: (problems: readonly Problem[]) => void
  /** Default: those of Node. */
  timers?: {
    setTimeout: (run: () => void, ms: number) => { unref?: () => unknown }
    clearTimeout: (timer: never) => void
  }
  /** From 0 to 1. Default: Math.random */
  random?: () => number
}

/** Looks again and again whether a document has changed; it keeps no process alive. */
export class DocumentRefresh {
  readonly #options: Required<DocumentRefreshOptions>
  #document: ApiDocument
  #timer: unknown
  #looking: Promise<boolean> | undefined
  #hasFailed = false
  #closed = false

  constructor(options: DocumentRefreshOptions) {
    this.#options = {
      timers: { setTimeout, clearTimeout: clearTimeout as (timer: never) => void },
      random: Math.random,
      ...options,
    }
    this.#document = options.document
  }

  start(): void {
    this.#wait()
  }

  /** Looks now, for a command; a look that is under way counts. @returns whether there was something new */
  refresh(): Promise<boolean> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined
    })
    return this.#looking
  }

  close(): void {
    this.#closed = true
    this.#options.timers.clearTimeout(this.#timer as never)
  }

  #wait(): void {
    if (this.#closed) return
    const { timers, interval, random } = this.#options
    const timer = timers.setTimeout(
      () => {
        this.refresh()
          .catch(() => {})
          .finally(() => this.#wait())
          .catch(() => {})
      },
      Math.round(interval * (1 + JITTER * (2 * random() - 1))),
    )
    timer.unref?.()
    this.#timer = timer
  }

  async #look(): Promise<boolean> {
    const { reference, load, onChange, onFailure } = this.#options
    try {
      const document = await refreshApiDocument(reference, load, this.#document)
      const isNew = document !== null && !this.#closed
      if (isNew) {
        await onChange(document)
        this.#document = document
      }
      this.#hasFailed = false
      return isNew
    } catch (error) {
      const isFirst = !this.#hasFailed && !this.#closed
      this.#hasFailed = true
      if (isFirst) {
        onFailure(
          error instanceof BootProblems ? error.problems : [{ file: reference, field: '', message: reasonOf(error) }],
        )
      }
      return false
    }
  }
}
