import { isatty } from 'node:tty'

const STANDARD_STREAMS = [0, 1, 2]

/**
 * Keeps SIGHUP from ending the process. Many servers reload their configuration on it, so operators and log rotation
 * scripts send it; this gateway cannot reload yet.
 *
 * A terminal that is closed sends the same signal. Then the process stops as on SIGTERM, else it would go on without
 * anybody to see it, and keep its port.
 * @param say         gets the line about an ignored signal
 * @param isTerminal  whether a file descriptor is a terminal that is still open
 */
export function ignoreHangup(say: () => void, isTerminal: (descriptor: number) => boolean = isatty): void {
  const terminals = STANDARD_STREAMS.filter(isTerminal)
  process.on('SIGHUP', () => {
    if (terminals.length > 0 && !terminals.some(isTerminal)) process.kill(process.pid, 'SIGTERM')
    else say()
  })
}

/** What a gateway says about SIGHUP. */
export const NO_RELOAD =
  'SIGHUP is ignored, since the gateway cannot reload yet: restart it to take over changes, or run it with --watch'
/** What `--watch` says. */
export const NO_RELOAD_NEEDED = 'SIGHUP is ignored: changes of files are taken over by themselves'
