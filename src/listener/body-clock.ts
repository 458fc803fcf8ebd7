import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { gatehouseError, type GatehouseError } from '../errors.ts'
import { unroutedAnswer } from './unrouted-answer.ts'

/** The minimum pace at which a client must send a request body. */
export interface BodyPace {
  /** Maximum time without a byte, in milliseconds; 0 for no limit. */
  readonly idle: number
  /** Minimum bytes per second, averaged over `RATE_WINDOW`; 0 for no limit. */
  readonly rate: number
}

/** Time over which the rate of a body is averaged, in milliseconds. */
const RATE_WINDOW = 60_000
/** How long a client may continue to send a body after it has got its response, in milliseconds. */
const AFTER_ANSWER = 30_000
/** How long a client that was too slow may take to receive its error response, in milliseconds. */
const AFTER_EXPIRY = 2000
/** Interval between two checks of all bodies, in milliseconds. */
const SWEEP = 1000

const kUpload = Symbol('gatehouse.upload')
const kSink = Symbol('gatehouse.bodySink')
type TimedRequest = IncomingMessage & { [kSink]?: BodySink }
type TimedSocket = Socket & { [kUpload]?: Upload }

/** The stream into which a body is piped when it is not buffered. */
interface BodySink {
  destroy(error: Error): void
}

/** Registers the stream into which a body is piped. It is destroyed with an error when the body is too slow. */
export function bodyGoesTo(request: TimedRequest, sink: BodySink): void {
  request[kSink] = sink
}

/** A request body that is being received on a connection. */
class Upload {
  readonly request: TimedRequest
  readonly response: ServerResponse
  /** Time of the last check; -1 before the first. */
  lookedAt = -1
  /** Whether the gateway was reading from the client at the last check. */
  wasRead = true
  /** Bytes received on the connection up to the last check, and the time when this number last grew. */
  seen = 0
  seenAt = 0
  /** Bytes received at the start of the rate window, and how long the gateway has been reading since. */
  windowSeen = 0
  windowTime = 0
  answeredAt: number | null = null
  expiredAt: number | null = null

  constructor(request: IncomingMessage, response: ServerResponse) {
    this.request = request
    this.response = response
  }
}

/**
 * Ends requests whose bodies arrive too slowly. Only time during which the gateway is reading counts: not while the
 * upstream is slow to accept the body, and not before `100 Continue`. One timer checks all bodies once a second by the
 * number of bytes that each connection has received, so that chunks cost nothing extra.
 */
export class BodyClock {
  readonly #pace: BodyPace
  readonly #sockets = new Set<TimedSocket>()
  readonly #now: () => number
  readonly #timer: NodeJS.Timeout

  /** @param now  current time of a monotonic clock, in milliseconds */
  constructor(pace: BodyPace, now = () => performance.now()) {
    this.#pace = pace
    this.#now = now
    this.#timer = setInterval(() => this.sweep(), SWEEP).unref()
  }

  /** Whether a body is arriving on a connection. */
  watches(socket: Socket): boolean {
    return this.#sockets.has(socket)
  }

  close(): void {
    clearInterval(this.#timer)
  }

  /** Starts to watch the body of a request, if it has one. To be called when the request is handled. */
  watch(request: IncomingMessage, response: ServerResponse): void {
    const { headers } = request
    if (
      headers['transfer-encoding'] === undefined &&
      (headers['content-length'] === undefined || headers['content-length'] === '0')
    ) {
      return
    }
    const socket: TimedSocket = request.socket
    socket[kUpload] = new Upload(request, response)
    this.#sockets.add(socket)
  }

  /** Checks all bodies. @param now  for tests */
  sweep(now = this.#now()): void {
    for (const socket of this.#sockets) {
      const upload = socket[kUpload]!
      // keep watching a client that was too slow: its connection is closed, whatever it sends
      if (socket.destroyed || (upload.request.complete && upload.expiredAt === null)) {
        this.#sockets.delete(socket)
        socket[kUpload] = undefined
      } else this.#look(socket, upload, now)
    }
  }

  #look(socket: TimedSocket, upload: Upload, now: number): void {
    const { request, response } = upload
    if (upload.expiredAt !== null) {
      if (now - upload.expiredAt < AFTER_EXPIRY) return
      if (response.headersSent) {
        socket.destroy()
        return
      }
      // the reader of the body has not answered the request with the error
      upload.expiredAt = now
      answerAlone(response)
      return
    }
    const received = socket.bytesRead
    if (upload.lookedAt === -1) {
      upload.seen = upload.windowSeen = received
      upload.seenAt = upload.lookedAt = now
    }
    const sinceLook = now - upload.lookedAt
    upload.lookedAt = now
    if (response.writableFinished) {
      upload.answeredAt ??= now
      if (now - upload.answeredAt >= AFTER_ANSWER) return this.#expire(socket, upload, now)
    }
    const isRead = isBeingRead(request)
    const { idle, rate } = this.#pace
    if (!isRead || received !== upload.seen) {
      upload.seen = received
      upload.seenAt = now
    } else if (idle > 0 && now - upload.seenAt >= idle) return this.#expire(socket, upload, now)
    if (isRead && upload.wasRead) upload.windowTime += sinceLook
    upload.wasRead = isRead
    if (upload.windowTime < RATE_WINDOW) return
    if (rate > 0 && (received - upload.windowSeen) * 1000 < rate * upload.windowTime) {
      return this.#expire(socket, upload, now)
    }
    upload.windowSeen = received
    upload.windowTime = 0
  }

  #expire(socket: Socket, upload: Upload, now: number): void {
    upload.expiredAt = now
    const { request, response } = upload
    const sink = request[kSink]
    const error = tooSlow()
    if (response.headersSent) {
      // the receiver of the body gets an error instead of waiting for the rest
      sink?.destroy(error)
      socket.destroy()
    } else if (sink !== undefined) sink.destroy(error)
    else if (request.listenerCount('error') > 0) {
      // a reader may destroy the request on an error, which would close the connection before the response is sent
      request.destroy = () => request
      request.emit('error', error)
    } else answerAlone(response)
  }
}

const tooSlow = (): GatehouseError => gatehouseError('GW_REQUEST_TIMEOUT', { headers: { connection: 'close' } })

/** Whether the body is being read without a pause, so that a slow pace is the client's. */
const isBeingRead = (request: IncomingMessage): boolean =>
  request.readableFlowing !== null && !request.socket.isPaused()

/** Answers a request when the reader of its body does not handle errors. */
function answerAlone(response: ServerResponse): void {
  const { status, headers, body } = unroutedAnswer('GW_REQUEST_TIMEOUT', response.req.headers.accept)
  response.writeHead(status, headers).end(body)
}
