import { constants } from 'node:os'
import { isatty } from 'node:tty'
import { shutDown, type ShutdownTimes, type StoppableApp } from './process-shutdown.ts'

const SIGNALS = ['SIGTERM', 'SIGINT'] as const
/**
 * npm forwards a Ctrl-C that the terminal has sent already: two signals within this time, in milliseconds, count as
 * one.
 */
export const SAME_SIGNAL = 250

/** The IPC message with which a supervising process asks its child to stop gracefully. */
export const STOP_MESSAGE = 'gatehouse:stop'

/**
 * Stops the application on SIGTERM, SIGINT, the supervisor's message, or an uncaught error. A second
 * signal ends the process at once.
 * @returns the exit code, once the application has stopped: 0, or 1 after an error
 */
export function untilStopped(app: StoppableApp, times: ShutdownTimes): Promise<number> {
  return new Promise((resolve) => {
    let stoppingSince = 0
    const stop = (code: number): void => {
      stoppingSince = Date.now()
      shutDown(app, times)
        .then(() => resolve(code))
        .catch((error) => {
          app.log.fatal({ err: error }, 'stopping failed')
          resolve(1)
        })
    }
    for (const signal of SIGNALS) {
      process.on(signal, () => {
        if (stoppingSince === 0) {
          app.log.info({ signal }, 'stopping, a second signal ends at once')
          // the logger may buffer lines, and a user is waiting for this one
          app.log.flush?.()
          stop(0)
        } else if (Date.now() - stoppingSince > SAME_SIGNAL) process.exit(128 + constants.signals[signal])
      })
    }
    process.on('message', (message) => {
      if (message === STOP_MESSAGE && stoppingSince === 0) stop(0)
    })
    // unhandled rejections arrive here, too
    process.on('uncaughtException', (error) => {
      app.log.fatal({ err: error }, 'an error that nothing has caught: stopping')
      if (stoppingSince === 0) stop(1)
      else process.exit(1)
    })
  })
}

const STANDARD_STREAMS = [0, 1, 2]

/**
 * Keeps SIGHUP from ending the process. Many servers reload their configuration on it, so operators and log rotation
 * scripts send it; this gateway cannot reload yet.
 *
 * A closed terminal sends the same signal. In that case the process stops as on SIGTERM; otherwise it would keep
 * running unseen and keep its port.
 * @param say         logs the line about an ignored signal
 * @param isTerminal  whether a file descriptor is a terminal that is still open
 */
export function ignoreHangup(say: () => void, isTerminal: (descriptor: number) => boolean = isatty): void {
  const terminals = STANDARD_STREAMS.filter(isTerminal)
  process.on('SIGHUP', () => {
    if (terminals.length > 0 && !terminals.some(isTerminal)) process.kill(process.pid, 'SIGTERM')
    else say()
  })
}

/** The log line about SIGHUP of a gateway. */
export const NO_RELOAD =
  'SIGHUP is ignored, since the gateway cannot reload yet: restart it to take over changes, or run it with --watch'
/** The log line about SIGHUP with `--watch`. */
export const NO_RELOAD_NEEDED = 'SIGHUP is ignored: changes of files are taken over by themselves'
