import type { IncomingHttpHeaders } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { HSTS, isSecure } from '../browser/strict-transport.ts'
import { affinityCookie, publicHeaders } from './response-headers.ts'
import { ResponseRelay } from './response-relay.ts'
import { closeFrame, FrameBoundary } from './websocket-frames.ts'

/** WebSocket close code for an endpoint that goes away (RFC 6455, section 7.4.1). */
const GOING_AWAY = 1001
const KEEP_ALIVE_MS = 30_000

/** The WebSockets that are open, so that a stop of the gateway can end each with a close frame. */
export class OpenTunnels {
  readonly #open = new Set<Tunnel>()
  /** No more are let in. */
  closing = false
  /**
   * Milliseconds of silence after which the one side is cut, once the other has ended, and for how long a side may stay
   * that the gateway has ended.
   */
  halfOpenTime = 30_000

  get size(): number {
    return this.#open.size
  }
  add(tunnel: Tunnel): void {
    this.#open.add(tunnel)
  }
  delete(tunnel: Tunnel): void {
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
 * A WebSocket on its way to an upstream. The handshake passes through authentication, limits and the attempt loop like
 * any request; when the upstream agrees, bytes are relayed both ways as they are, so subprotocols, extensions, pings
 * and close codes are the business of the two ends. A refusal by the upstream reaches the client as a plain response.
 */
export class Tunnel extends ResponseRelay {
  #toClient: Direction | null = null
  #toUpstream: Direction | null = null

  protected override onUpgrade(status: number, headers: IncomingHttpHeaders, upstream: Duplex): void {
    const { request } = this
    const client = request.raw.socket
    if (client.destroyed || client.readableEnded || this.clientGone) {
      client.destroy()
      upstream.destroy()
      return
    }
    try {
      this.#connect(status, headers, client, upstream)
    } catch (error) {
      // the client has got a part of an answer at most, and there is no other for it
      request.log.error({ reqId: request.id, code: 'GW_INTERNAL', err: error }, 'a WebSocket could not be connected')
      client.destroy()
      upstream.destroy()
    }
  }

  #connect(status: number, headers: IncomingHttpHeaders, client: Socket, upstream: Duplex): void {
    const { reply, request } = this
    const { tunnels } = request.server as FastifyInstance
    reply.code(status)
    reply.hijack()
    reply.raw.detachSocket(client)
    const cookie = affinityCookie(this.plan.upstream, request, this.target!, status)
    client.write(
      handshake(publicHeaders(headers, this.plan, request, null), request.id, cookie, isSecure(request)),
      'latin1',
    )
    client.setNoDelay(true)
    client.setKeepAlive(true, KEEP_ALIVE_MS)
    // what goes to the client counts as much as what comes from it
    client.setTimeout(this.plan.timeouts.websocket, () => this.close())
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

  close(): void {
    this.#toClient?.close()
    this.#toUpstream?.close()
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
        // what is left of the stream can no longer be followed
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

  /** Ends the direction with a close frame, after the frame that is under way. */
  close(): void {
    if (this.#closing) return
    this.#closing = true
    if (this.#frames.reached) this.#finish()
    // a frame whose rest never comes
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
    // nobody hears what the source still says, so that it cannot stay by talking on
    const source = this.#source
    const cut = setTimeout(() => source.destroy(), this.#halfOpen).unref()
    source.once('close', () => clearTimeout(cut))
  }

  /** The source says no more; a sink that does not answer its end would keep its place for ever. */
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
