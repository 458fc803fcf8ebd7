import type { ServerResponse } from 'node:http'

const kExchange = Symbol('gatehouse.exchange')

/** What ends when its client goes away. */
interface Exchange {
  abort(): void
  /** The gateway itself has thrown. */
  broken(error: unknown): void
}
type WatchedResponse = ServerResponse & { [kExchange]?: Exchange }

/** Aborts the exchange when the client closes before it has its whole answer. */
export function watchClient(response: WatchedResponse, exchange: Exchange): void {
  response[kExchange] = exchange
  response.on('close', onClose)
}

/** Leaves the exchange alone, whatever the client does. */
export function unwatchClient(response: ServerResponse): void {
  response.off('close', onClose)
}

function onClose(this: WatchedResponse): void {
  const exchange = this[kExchange]
  if (this.writableFinished || exchange === undefined) return
  try {
    exchange.abort()
  } catch (error) {
    exchange.broken(error)
  }
}
