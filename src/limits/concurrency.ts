import type { MemoryLimiter, Taken } from './limiter.ts'
import type { IncomingMessage, ServerResponse } from 'node:http'

/** When a refused client may try again. Nobody knows when a request in flight will end. */
export const TRY_AGAIN_MS = 1000

/** Counts requests in flight. Each takes one place, whatever its cost, and gives it back when it ends. */
export class Concurrency implements MemoryLimiter {
  readonly #max: number
  /** Never more keys than requests in flight, so it needs no bound. */
  readonly #inFlight = new Map<string, number>()

  constructor(max: number) {
    this.#max = max
  }

  take(key: string): Taken {
    const count = this.#inFlight.get(key) ?? 0
    if (count >= this.#max) return { allowed: false, remaining: 0, resetMs: 0, retryAfterMs: TRY_AGAIN_MS }
    this.#inFlight.set(key, count + 1)
    return { allowed: true, remaining: this.#max - count - 1, resetMs: 0, retryAfterMs: 0 }
  }

  give(key: string): void {
    const count = this.#inFlight.get(key) ?? 0
    if (count > 1) this.#inFlight.set(key, count - 1)
    else this.#inFlight.delete(key)
  }
}

const waiting = new WeakMap<object, Set<() => void>>()

/**
 * Calls `over` once when a request ends: its response is complete, or its connection is closed. A WebSocket ends with
 * its connection, since its response never ends.
 */
export function whenOver({ socket }: IncomingMessage, response: ServerResponse, over: () => void): void {
  const ends = endsOf(socket)
  const end = (): void => {
    if (ends.delete(end)) over()
  }
  ends.add(end)
  response.once('close', end)
  // the client may have gone away while the limits were counted
  if (socket.destroyed || response.closed) end()
}

/**
 * One listener for each connection. Pipelined requests would otherwise add one each, and their responses may never emit
 * `close`.
 */
function endsOf(socket: IncomingMessage['socket']): Set<() => void> {
  let ends = waiting.get(socket)
  if (ends === undefined) {
    const all = (ends = new Set())
    waiting.set(socket, all)
    socket.once('close', () => {
      for (const end of all) end()
    })
  }
  return ends
}
