import type { MemoryLimiter, Taken } from './limiter.ts'
import type { IncomingMessage, ServerResponse } from 'node:http'

/** When a client may try again: nobody knows when a request under way will end. */
export const TRY_AGAIN_MS = 1000

/** Counts requests under way: each takes one place, whatever it costs, and gives it back when it is over. */
export class Concurrency implements MemoryLimiter {
  readonly #max: number
  /** Never more keys than requests under way, so that it needs no bound. */
  readonly #underWay = new Map<string, number>()

  constructor(max: number) {
    this.#max = max
  }

  take(key: string): Taken {
    const count = this.#underWay.get(key) ?? 0
    if (count >= this.#max) return { allowed: false, remaining: 0, resetMs: 0, retryAfterMs: TRY_AGAIN_MS }
    this.#underWay.set(key, count + 1)
    return { allowed: true, remaining: this.#max - count - 1, resetMs: 0, retryAfterMs: 0 }
  }

  give(key: string): void {
    const count = this.#underWay.get(key) ?? 0
    if (count > 1) this.#underWay.set(key, count - 1)
    else this.#underWay.delete(key)
  }
}

const waiting = new WeakMap<object, Set<() => void>>()

/**
 * Tells once when a request is over: its response has ended, or its connection is gone. That of a request which has
 * become a WebSocket is its connection's end, since its response never ends.
 */
export function whenOver({ socket }: IncomingMessage, response: ServerResponse, over: () => void): void {
  const ends = endsOf(socket)
  const end = (): void => {
    if (ends.delete(end)) over()
  }
  ends.add(end)
  response.once('close', end)
  // it may have gone while the limits were asked
  if (socket.destroyed || response.closed) end()
}

/**
 * One listener for a connection: requests that wait behind others (pipelining) would add one each, and hear of no close
 * themselves.
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
