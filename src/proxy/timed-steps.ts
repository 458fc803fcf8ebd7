/** An exchange that timers move on. */
interface TimedExchange {
  attempt(): void
  expire(): void
  /** The gateway itself has thrown. */
  broken(error: unknown): void
}

/** The pause before the next attempt is over. What an attempt throws would end the process from a timer. */
export function onPauseOver(exchange: TimedExchange): void {
  try {
    exchange.attempt()
  } catch (error) {
    exchange.broken(error)
  }
}

/** The time for the whole exchange is up. */
export function onDeadline(exchange: TimedExchange): void {
  try {
    exchange.expire()
  } catch (error) {
    exchange.broken(error)
  }
}
