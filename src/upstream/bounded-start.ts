import type { IncomingHttpHeaders } from 'node:http'
import type { Duplex, Readable } from 'node:stream'
import { type Dispatcher, errors } from 'undici'

/** How many requests may wait for a stream. */
const MOST_WAITING = 2000

/**
 * Counts the requests that undici holds back. It also keeps those that were given up.
 */
export interface StartQueue {
  waiting: number
}

/**
 * Gives up a request that gets no stream of HTTP/2 in time. While a session has no settings yet, undici lets requests
 * wait without a bound.
 */
export class BoundedStart implements Dispatcher.DispatchHandler {
  readonly #handler: Dispatcher.DispatchHandler
  readonly #queue: StartQueue
  readonly #error: Error
  readonly #timer: NodeJS.Timeout
  #waits = true
  #expired = false

  /** @param bound  milliseconds until the request must have its stream */
  constructor(handler: Dispatcher.DispatchHandler, body: unknown, bound: number, queue: StartQueue) {
    this.#handler = handler
    this.#queue = queue
    queue.waiting++
    const text = `no stream could be opened within ${bound} ms`
    // a streamed body may be in use by this attempt, so the request must not be sent elsewhere
    this.#error =
      typeof (body as Readable | null)?.pipe === 'function'
        ? new errors.HeadersTimeoutError(text)
        : new errors.ConnectTimeoutError(text)
    this.#timer = setTimeout(expire, bound, this).unref()
  }

  /** Whether too many requests wait already. */
  static isFull({ waiting }: StartQueue): boolean {
    return waiting >= MOST_WAITING
  }

  /** The error of a request that finds the queue full. */
  static refusal(): Error {
    return new errors.ConnectTimeoutError(`${MOST_WAITING} requests wait for a stream`)
  }

  expire(): void {
    this.#expired = true
    this.#handler.onResponseError!(null as never, this.#error)
  }

  onRequestStart(controller: Dispatcher.DispatchController, context: unknown): void {
    this.#leave()
    if (this.#expired) controller.abort(this.#error)
    else this.#handler.onRequestStart!(controller, context)
  }

  onRequestUpgrade(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
    socket: Duplex,
  ): void {
    this.#handler.onRequestUpgrade!(controller, status, headers, socket)
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
    text?: string,
  ): void {
    this.#handler.onResponseStart!(controller, status, headers, text)
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#handler.onResponseData!(controller, chunk)
  }
  onResponseEnd(controller: Dispatcher.DispatchController, trailers: IncomingHttpHeaders): void {
    this.#handler.onResponseEnd!(controller, trailers)
  }

  onResponseError(controller: Dispatcher.DispatchController, error: Error): void {
    this.#leave()
    if (!this.#expired) this.#handler.onResponseError!(controller, error)
  }

  #leave(): void {
    if (!this.#waits) return
    this.#waits = false
    this.#queue.waiting--
    clearTimeout(this.#timer)
  }
}

const expire = (start: BoundedStart): void => start.expire()
