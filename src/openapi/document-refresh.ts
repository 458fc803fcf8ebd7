import { BootProblems, type Problem, reasonOf } from '../errors.ts'
import { type LoadOptions, refreshApiDocument } from './load-document.ts'
import type { ApiDocument } from '../schema/types.ts'

/** Random part of each pause, so that many gateways do not request the document at once. */
const JITTER = 0.1

export interface DocumentRefreshOptions {
  /** The reference that `loadApiDocument` was called with. */
  reference: string
  load: LoadOptions
  /** The document in use. */
  document: ApiDocument
  /** Milliseconds between the end of one check and the next, plus or minus a tenth. */
  interval: number
  /** Called with each new version. If it throws, `onFailure` is called, and the next check finds the change again. */
  onChange: (document: ApiDocument) => void | Promise<void>
  /** Called when a check fails; of several failures in a row only for the first. */
  onFailure: (problems: readonly Problem[]) => void
  /** Default: those of Node. */
  timers?: {
    setTimeout: (run: () => void, ms: number) => { unref?: () => unknown }
    clearTimeout: (timer: never) => void
  }
  /** From 0 to 1. Default: Math.random */
  random?: () => number
}

/** Checks at intervals whether a document has changed. Its timer does not keep the process alive. */
export class DocumentRefresh {
  readonly #options: Required<DocumentRefreshOptions>
  #document: ApiDocument
  #timer: unknown
  #checking: Promise<boolean> | undefined
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

  /** Checks now, or waits for the check in flight. @returns whether there was a new version */
  refresh(): Promise<boolean> {
    this.#checking ??= this.#check().finally(() => {
      this.#checking = undefined
    })
    return this.#checking
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

  async #check(): Promise<boolean> {
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
