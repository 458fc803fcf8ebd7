import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { gatehouseError, type GatehouseError } from '../errors.ts'
import { unroutedAnswer } from './unrouted-answer.ts'

/** How slowly a client may send a body. */
export interface BodyPace {
  /** Longest time without a byte, in milliseconds; 0 for no bound. */
  readonly idle: number
  /** Fewest bytes a second, on average over `RATE_WINDOW`; 0 for no bound. */
  readonly rate: number
}

/** Time over which the rate of a body is averaged, in milliseconds. */
const RATE_WINDOW = 60_000
/** How long a client may go on sending a body after its answer, in milliseconds. */
const AFTER_ANSWER = 30_000
/** How long a client that was too slow may take to get its answer, in milliseconds. */
const AFTER_EXPIRY = 2000
/** Milliseconds between two looks at all bodies. */
const SWEEP = 1000

const kUpload = Symbol('gatehouse.upload')
const kSink = Symbol('gatehouse.bodySink')
type TimedRequest = IncomingMessage & { [kSink]?: BodySink }
type TimedSocket = Socket & { [kUpload]?: Upload }

/** Where a body goes that nobody collects. */
interface BodySink {
  destroy(error: Error): void
}

/** Names the stream into which a body is piped: it is destroyed with the error when the body is too slow. */
export function bodyGoesTo(request: TimedRequest, sink: BodySink): void {
  request[kSink] = sink
}

/** The body that is arriving on a connection. */
class Upload {
  readonly request: TimedRequest
  readonly response: ServerResponse
  /** When it was looked at last; -1 for never. */
  lookedAt = -1
  /** Whether the gateway read from the client at the last look. */
  wasRead = true
  /** Bytes of the connection that had arrived at the last look, and when the last of them were seen. */
  seen = 0
  seenAt = 0
  /** Bytes at the start of the window of the rate, and how long the gateway has read since. */
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
 * Ends requests whose bodies arrive too slowly. Only the time counts during which the gateway reads: not while the
 * upstream is slow to take the body, and not before `100 Continue`. One timer looks at all bodies once a second and
 * compares the bytes that each connection has received, so that a body costs nothing per chunk.
 */
export class BodyClock {
  readonly #pace: BodyPace
  readonly #sockets = new Set<TimedSocket>()
  readonly #now: () => number
  readonly #timer: NodeJS.Timeout

  /** @param now  milliseconds of a monotonic clock */
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

  /** Looks after the body of a request, if it has one. To be called when the request is handled. */
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

  /** Looks at all bodies. @param now  for tests */
  sweep(now = this.#now()): void {
    for (const socket of this.#sockets) {
      const upload = socket[kUpload]!
      // the connection of a client that was too slow ends, whatever it sends
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
      // the reader has not made an answer of the error
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
      // whoever waits for the rest of the body learns that none comes
      sink?.destroy(error)
      socket.destroy()
    } else if (sink !== undefined) sink.destroy(error)
    else if (request.listenerCount('error') > 0) {
      // a reader that destroys the request on an error would close the connection before the answer is sent
      request.destroy = () => request
      request.emit('error', error)
    } else answerAlone(response)
  }
}

const tooSlow = (): GatehouseError => gatehouseError('GW_REQUEST_TIMEOUT', { headers: { connection: 'close' } })

/** Whether somebody takes the body as fast as it comes, so that only the client can be slow. */
const isBeingRead = (request: IncomingMessage): boolean =>
  request.readableFlowing !== null && !request.socket.isPaused()

/** Answers a request whose reader listens to no errors. */
function answerAlone(response: ServerResponse): void {
  const { status, headers, body } = unroutedAnswer('GW_REQUEST_TIMEOUT', response.req.headers.accept)
  response.writeHead(status, headers).end(body)
}
