import { readFileSync } from 'node:fs'
import type { Server } from 'node:net'

/** Below this limit of open files, a gateway soon runs out of connections. */
const FEW_FILES = 4096
/** Minimum time between two log lines about refused connections, in milliseconds. */
const LOG_INTERVAL = 10_000

interface Log {
  warn(details: object, message: string): void
}

/** The number of files and sockets that this process may open; null when the system does not report it. */
export function openFileLimit(): number | null {
  try {
    const limit = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))
    return limit && Number(limit[1])
  } catch {
    return null
  }
}

/**
 * Limits the number of client connections of a server. The default reserves half of the allowed open files for
 * connections to upstreams, so that a flood of clients cannot make every request fail with "too many open files".
 * @param stated  maximum number of connections; 0 for no limit, undefined for the default
 */
export function boundConnections(server: Server, stated: number | undefined, log: Log, files = openFileLimit()): void {
  const most = stated ?? (files === null ? 0 : Math.floor(files / 2))
  if (most > 0) server.maxConnections = most
  server.once('listening', () => {
    if (files !== null && files < FEW_FILES) {
      log.warn(
        { files, maxConnections: most },
        `this process may open only ${files} files: raise the limit (ulimit -n) for more connections`,
      )
    }
  })
  let refused = 0
  let nextLine = 0
  server.on('drop', () => {
    refused++
    const now = performance.now()
    if (now < nextLine) return
    nextLine = now + LOG_INTERVAL
    log.warn(
      { refused, maxConnections: most },
      'client connections were refused: raise listener.maxConnections, and the limit of open files with it',
    )
    refused = 0
  })
}
