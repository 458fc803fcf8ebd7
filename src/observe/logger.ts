import type { FastifyReply, FastifyRequest } from 'fastify'
import pino, { type DestinationStream, type Logger } from 'pino'
import type { Config } from '../config/config-schema.ts'
import { traceIdOf } from './request-id.ts'
import { terminalLine, wantsColors } from './terminal-log.ts'

/** Fields that are never logged, in whichever object they occur. */
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
 * The time as ISO 8601 text. It is formatted once per millisecond, since formatting is a large part of the cost of a
 * log line.
 */
function isoTime(): string {
  const now = Date.now()
  if (now !== lastMoment) {
    lastMoment = now
    lastText = `,"time":"${new Date(now).toISOString()}"`
  }
  return lastText
}

/** Maximum number of bytes buffered while a terminal is stopped (Ctrl-S); further lines are dropped. */
const MOST_WAITING = 1024 * 1024

/** Creates the logger of the process: JSON lines, or short readable lines on a terminal. */
export function createLogger({ level, format }: Config['log']): Logger {
  const readable = format === 'pretty' || (format === 'auto' && process.stdout.isTTY)
  const options = {
    level,
    redact: { paths: REDACTED, censor: '[redacted]' },
    serializers: { err: pino.stdSerializers.err },
    timestamp: isoTime,
  }
  if (readable) return pino(options, terminal())
  // lines are buffered and written together, at the latest after `periodicFlush`; pino writes the rest at exit
  const destination = pino.destination({ dest: 1, minLength: 4096, sync: false, periodicFlush: 1000 })
  return pino(options, destination)
}

/** Standard output on a terminal: each line is written at once, without blocking the process. */
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
    // pino calls this after a fatal line, before the process ends
    flushSync() {
      destination.flushSync()
    },
  }
}

const rounded = (ms: number | undefined): number | undefined =>
  ms === undefined ? undefined : Math.round(ms * 100) / 100

/**
 * The fields of a request in the access log. The query is left out, since it may contain tokens and personal data. `ms`
 * is the time from the first byte of the request to the last byte of the response. `upstreamMs` is the time from
 * sending the request to the upstream to the first byte of its response. `queueMs` is the time spent waiting for a
 * target with a free slot. `attempts` is present when the request was sent more than once.
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
