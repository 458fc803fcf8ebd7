import type { FastifyReply, FastifyRequest } from 'fastify'
import pino, { type DestinationStream, type Logger } from 'pino'
import type { Config } from '../config/config-schema.ts'
import { traceIdOf } from './request-id.ts'
import { terminalLine, wantsColors } from './terminal-log.ts'

/** What never stands in a log, wherever an object carries it. */
const SECRETS = [
  'authorization',
  'cookie',
  '["set-cookie"]',
  '["proxy-authorization"]',
  '["x-api-key"]',
  'password',
  'secret',
  'token',
  'privateKey',
]
const REDACTED = SECRETS.flatMap((name) => {
  const path = name.startsWith('[') ? name : `.${name}`
  return [name, `*${path}`, `*.headers${path}`, `headers${path}`]
})

let lastMoment = 0
let lastText = ''

/**
 * The time as ISO 8601 text; it is formatted once for all lines of a millisecond, which is a good part of what a line
 * costs.
 */
function isoTime(): string {
  const now = Date.now()
  if (now !== lastMoment) {
    lastMoment = now
    lastText = `,"time":"${new Date(now).toISOString()}"`
  }
  return lastText
}

/** Most bytes that wait for a terminal that takes nothing (Ctrl-S); further lines are dropped. */
const MOST_WAITING = 1024 * 1024

/** The process's logger: JSON lines, or short ones for people on a terminal. */
export function createLogger({ level, format }: Config['log']): Logger {
  const readable = format === 'pretty' || (format === 'auto' && process.stdout.isTTY)
  const options = {
    level,
    redact: { paths: REDACTED, censor: '[redacted]' },
    serializers: { err: pino.stdSerializers.err },
    timestamp: isoTime,
  }
  if (readable) return pino(options, terminal())
  // lines are gathered and written together; the timer below bounds how late, and pino writes the rest at exit
  const destination = pino.destination({ dest: 1, minLength: 4096, sync: false, periodicFlush: 1000 })
  return pino(options, destination)
}

/** Standard output for people: each line is written at once, and none holds up the process. */
function terminal(): DestinationStream & Pick<ReturnType<typeof pino.destination>, 'flush' | 'flushSync'> {
  const destination = pino.destination({ dest: 1, sync: false, minLength: 0, maxLength: MOST_WAITING })
  const colors = wantsColors(process.stdout, process.env)
  return {
    write(line) {
      destination.write(terminalLine(line, colors))
    },
    flush(done) {
      destination.flush(done)
    },
    // before the end that follows a fatal line
    flushSync() {
      destination.flushSync()
    },
  }
}

const rounded = (ms: number | undefined): number | undefined =>
  ms === undefined ? undefined : Math.round(ms * 100) / 100

/**
 * What the access log tells of a request. The query is left out, since tokens and personal data stand in queries.
 * `ms` is from the first byte of the request to the last of the response, `upstreamMs` from sending it to the upstream
 * to the first byte of its answer. `queueMs` is the wait for a
 * target with room. `attempts` is there when the request has been sent more than once.
 */
export function accessRecord(request: FastifyRequest, reply: FastifyReply, aborted: boolean): Record<string, unknown> {
  const { config, url } = request.routeOptions
  const { traceparent } = request.headers
  const target = request.originalUrl
  const query = target.indexOf('?')
  const length = reply.getHeader('content-length')
  return {
    reqId: request.id,
    traceId: traceparent === undefined ? undefined : traceIdOf(traceparent),
    method: request.method,
    host: request.headers.host,
    path: query === -1 ? target : target.slice(0, query),
    route: (config?.publicUrl ?? url) || undefined,
    upstream: config?.upstream,
    target: request.exchange?.target?.id,
    attempts: request.exchange !== null && request.exchange.attempts > 1 ? request.exchange.attempts : undefined,
    fellBack: request.exchange?.fellBack || undefined,
    cache: request.cacheResult ?? undefined,
    consumer: request.consumer?.id,
    client: request.ip,
    status: aborted && !reply.raw.headersSent ? 499 : reply.statusCode,
    aborted: aborted || undefined,
    bytes: length === undefined ? undefined : Number(length),
    queueMs: rounded(request.exchange?.wait?.ms),
    upstreamMs: rounded(request.exchange?.firstByte),
    ms: rounded(reply.elapsedTime),
  }
}
