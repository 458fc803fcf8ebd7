import type { IncomingHttpHeaders } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Dispatcher } from 'undici'

/** A handler that is told of the errors that its own methods throw. */
export interface BreakableHandler extends Dispatcher.DispatchHandler {
  /** One of its methods has thrown. Must not throw. */
  broke(error: unknown): void
}

/**
 * Stands between undici and a handler of ours and catches what that throws. undici would take it for an error of the
 * connection, or let it end the process, and the client would wait forever.
 */
export class GuardedHandler implements Dispatcher.DispatchHandler {
  readonly #handler: BreakableHandler

  constructor(handler: BreakableHandler) {
    this.#handler = handler
  }

  onRequestStart(controller: Dispatcher.DispatchController, context: unknown): void {
    try {
      this.#handler.onRequestStart?.(controller, context)
    } catch (error) {
      this.#handler.broke(error)
    }
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
    statusText?: string,
  ): void {
    try {
      this.#handler.onResponseStart?.(controller, status, headers, statusText)
    } catch (error) {
      this.#handler.broke(error)
    }
  }

  onRequestUpgrade(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
    socket: Duplex,
  ): void {
    try {
      this.#handler.onRequestUpgrade?.(controller, status, headers, socket)
    } catch (error) {
      socket.destroy()
      this.#handler.broke(error)
    }
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    try {
      this.#handler.onResponseData?.(controller, chunk)
    } catch (error) {
      this.#handler.broke(error)
    }
  }

  onResponseEnd(controller: Dispatcher.DispatchController, trailers: IncomingHttpHeaders): void {
    try {
      this.#handler.onResponseEnd?.(controller, trailers)
    } catch (error) {
      this.#handler.broke(error)
    }
  }

  onResponseError(controller: Dispatcher.DispatchController, error: Error): void {
    try {
      this.#handler.onResponseError?.(controller, error)
    } catch (thrown) {
      this.#handler.broke(thrown)
    }
  }
}
