import type { Readable } from 'node:stream'

/**
 * Reads a stream to its end, if that comes in time. Otherwise puts back what it has read.
 * @param limit  most bytes
 * @param time   milliseconds
 * @param done   gets the body, or null when the stream is to be used as it is
 */
export function collectStream(
  stream: Readable,
  limit: number,
  time: number,
  done: (error: Error | null, body: Buffer | null) => void,
): void {
  const chunks: Buffer[] = []
  let length = 0
  const timer = setTimeout(giveUp, time)
  stream.on('readable', read)
  stream.on('end', end)
  stream.on('error', fail)
  stream.on('close', close)

  function read(): void {
    for (let chunk: Buffer | null; (chunk = stream.read()) !== null;) {
      chunks.push(chunk)
      length += chunk.length
      if (length > limit) return giveUp()
    }
  }
  function giveUp(): void {
    stop()
    if (length > 0) stream.unshift(Buffer.concat(chunks, length))
    done(null, null)
  }
  function end(): void {
    stop()
    done(null, Buffer.concat(chunks, length))
  }
  function fail(error: Error): void {
    stop()
    done(error, null)
  }
  /** The stream was destroyed. */
  function close(): void {
    fail(new Error('the body was closed before its end'))
  }
  function stop(): void {
    clearTimeout(timer)
    stream.off('readable', read).off('end', end).off('error', fail).off('close', close)
  }
}
