import type { IncomingHttpHeaders } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import type { Dispatcher } from 'undici'
import { HSTS, isSecure } from '../browser/security-headers.ts'
import type { AnswerHandler, SendController } from '../upstream/outgoing-request.ts'
import { type Exchange, unwatchClient } from './exchange.ts'
import { ReplyHandler } from './reply-handler.ts'
import { affinityCookie, publicHeaders } from './response-headers.ts'
import { closeFrame, FrameBoundary } from './websocket-frames.ts'

/** WebSocket close code of an endpoint that is going away (RFC 6455, section 7.4.1). */
const GOING_AWAY = 1001
const KEEP_ALIVE_MS = 30_000

/** The WebSockets that are open, so that a stop of the gateway can end each with a close frame. */
export class OpenTunnels {
  readonly #open = new Set<TunnelHandler>()
  /** Whether new ones are refused. */
  closing = false
  /**
   * Milliseconds. Once one side has ended, the other is cut after so much silence. Once the gateway has closed a
   * WebSocket, both sides are cut after this time.
   */
  halfOpenTime = 30_000

  get size(): number {
    return this.#open.size
  }
  add(tunnel: TunnelHandler): void {
    this.#open.add(tunnel)
  }
  delete(tunnel: TunnelHandler): void {
    this.#open.delete(tunnel)
  }
  /** Ends every WebSocket with close code 1001 at both sides. */
  closeAll(): void {
    this.closing = true
    for (const tunnel of this.#open) tunnel.close()
  }
}

declare module 'fastify' {
  interface FastifyInstance {
    tunnels: OpenTunnels
  }
}

/**
 * A WebSocket to an upstream. The handshake passes authentication, limits and the attempt loop like any request. When
 * the upstream agrees, bytes are relayed both ways as they are: subprotocols, extensions, pings and close codes are up
 * to the two ends. When it refuses, the client gets its answer as a plain response.
 */
export class TunnelHandler implements AnswerHandler {
  readonly #exchange: Exchange
  readonly #refusal: ReplyHandler
  #toClient: Direction | null = null
  #toUpstream: Direction | null = null

  constructor(exchange: Exchange) {
    this.#exchange = exchange
    this.#refusal = new ReplyHandler(exchange)
  }

  onRequestStart(controller: SendController): void {
    this.#refusal.onRequestStart(controller)
  }

  onRequestUpgrade(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
    upstream: Duplex,
  ): void {
    const { request, reply } = this.#exchange
    unwatchClient(reply.raw)
    const client = request.raw.socket
    if (client.destroyed || client.readableEnded || controller.aborted) {
      client.destroy()
      upstream.destroy()
      return
    }
    try {
      this.#connect(status, headers, client, upstream)
    } catch (error) {
      // the client has got at most a part of an answer, so that it can get no other one
      request.log.error({ reqId: request.id, code: 'GW_INTERNAL', err: error }, 'a WebSocket could not be connected')
      client.destroy()
      upstream.destroy()
    }
  }

  onResponseStart(controller: SendController, status: number, headers: IncomingHttpHeaders): void {
    this.#refusal.onResponseStart(controller, status, headers)
  }
  onResponseData(controller: SendController, chunk: Buffer): void {
    this.#refusal.onResponseData(controller, chunk)
  }
  onResponseEnd(controller: SendController, trailers: IncomingHttpHeaders): void {
    this.#refusal.onResponseEnd(controller, trailers)
  }
  onResponseError(controller: SendController, error: Error): void {
    this.#refusal.onResponseError(controller, error)
  }
  broken(error: unknown): void {
    this.#refusal.broken(error)
  }

  /** Ends the WebSocket with close code 1001 at both sides. */
  close(): void {
    this.#toClient?.close()
    this.#toUpstream?.close()
  }

  #connect(status: number, headers: IncomingHttpHeaders, client: Socket, upstream: Duplex): void {
    const { reply, request, plan, target } = this.#exchange
    const { tunnels } = request.server as FastifyInstance
    reply.code(status)
    reply.hijack()
    reply.raw.detachSocket(client)
    const cookie = affinityCookie(plan.upstream, request, target!, status)
    client.write(
      handshake(publicHeaders(headers, plan, request, null), request.id, cookie, isSecure(request)),
      'latin1',
    )
    client.setNoDelay(true)
    client.setKeepAlive(true, KEEP_ALIVE_MS)
    // bytes to the client count as activity, as much as bytes from it
    client.setTimeout(plan.timeouts.websocket, () => this.close())
    this.#toClient = new Direction(upstream, client, closeFrame(GOING_AWAY, false), tunnels.halfOpenTime)
    this.#toUpstream = new Direction(client, upstream, closeFrame(GOING_AWAY, true), tunnels.halfOpenTime)
    tunnels.add(this)
    let open = 2
    const closed = () => {
      if (--open === 0) tunnels.delete(this)
    }
    client.once('close', closed)
    upstream.once('close', closed)
    if (tunnels.closing) this.close()
  }
}

/** Bytes from one side to the other: back-pressure, half-close and errors are passed on. */
class Direction {
  readonly #source: Duplex
  readonly #sink: Duplex
  readonly #closeFrame: Buffer
  readonly #frames = new FrameBoundary()
  readonly #halfOpen: number
  #closing = false

  /** @param halfOpen  milliseconds that the sink may be silent once the source has ended */
  constructor(source: Duplex, sink: Duplex, frame: Buffer, halfOpen: number) {
    this.#source = source
    this.#sink = sink
    this.#closeFrame = frame
    this.#halfOpen = halfOpen
    source.on('data', (chunk: Buffer) => {
      try {
        this.#relay(chunk)
      } catch {
        // the frames of the stream can no longer be followed
        source.destroy()
        sink.destroy()
      }
    })
    source.on('end', () => this.#endSink())
    source.on('error', () => sink.destroy())
    source.on('close', () => this.#endSink())
    sink.on('drain', () => source.resume())
    source.resume()
  }

  /** Ends the direction with a close frame, after the current frame. */
  close(): void {
    if (this.#closing) return
    this.#closing = true
    if (this.#frames.reached) this.#finish()
    // the rest of the frame may never come
    else (this.#source as Socket).setTimeout(this.#halfOpen, () => this.#source.destroy())
  }

  #relay(chunk: Buffer): void {
    if (this.#sink.writableEnded) return
    const length = this.#frames.advance(chunk, this.#closing)
    if (!this.#sink.write(length === chunk.length ? chunk : chunk.subarray(0, length))) this.#source.pause()
    if (this.#closing && this.#frames.reached) this.#finish()
  }

  #finish(): void {
    if (!this.#sink.writableEnded) this.#sink.end(this.#closeFrame)
    // what the source still sends is ignored, and does not keep the connection open
    const source = this.#source
    const cut = setTimeout(() => source.destroy(), this.#halfOpen).unref()
    source.once('close', () => clearTimeout(cut))
  }

  /** The source has ended. A sink that does not end in turn would keep its connection forever. */
  #endSink(): void {
    const sink = this.#sink as Socket
    if (!sink.writableEnded) sink.end()
    if (!sink.destroyed) sink.setTimeout(this.#halfOpen, () => sink.destroy())
  }
}

/** The head of a 101. @param headers  those of the upstream as clients get them, with the header rules of the route */
function handshake(
  headers: Record<string, string | string[]>,
  requestId: string,
  cookie: string | null,
  secure: boolean,
): string {
  let head = 'HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n'
  for (const name in headers) {
    if (name === 'content-length' || (name === HSTS && !secure)) continue
    for (const value of [headers[name]!].flat()) head += `${name}: ${value}\r\n`
  }
  if (cookie !== null) head += `set-cookie: ${cookie}\r\n`
  return `${head}x-request-id: ${requestId}\r\n\r\n`
}
