import type { ServerResponse } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Body, OutgoingRequest, SendController } from '../upstream/outgoing-request.ts'
import type { Target } from '../upstream/target.ts'
import type { ForwardPlan } from './forward-plan.ts'
import { requestHeaders } from './request-headers.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The exchange with the upstream; null while the request has not been sent to one. */
    exchange: Exchange | null
  }
}

const NOT_READ: string[] = []

/**
 * One request on its way through the gateway: what relay, tunnel, mirror and cache share. An upstream sends it as it is
 * (`plan.upstream.dispatch(exchange, handler)`), after `prepare`.
 */
export class Exchange implements OutgoingRequest {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly plan: ForwardPlan
  /** Path and query for the upstream, without the base path of a target. */
  readonly path: string
  readonly body: Body
  headers = NOT_READ
  upgrade: string | undefined = undefined
  sending: SendController | null = null
  /** Whether the client has got the fallback instead of an error. */
  fellBack = false

  constructor(request: FastifyRequest, reply: FastifyReply, plan: ForwardPlan, path: string, body: Body) {
    this.request = request
    this.reply = reply
    this.plan = plan
    this.path = path
    this.body = body
  }

  /** Reads the headers for the upstream. @throws a refusal of headers that could be misread */
  prepare(): this {
    this.headers = requestHeaders(this.request, this.plan, this.body !== null)
    return this
  }

  /** The same exchange with another path and other headers for the upstream. */
  with(path: string, headers: string[]): Exchange {
    const other = new Exchange(this.request, this.reply, this.plan, path, this.body)
    other.headers = headers
    return other
  }

  /** The target of the current attempt. */
  get target(): Target | null {
    return this.sending && this.sending.target
  }
  /** How often the request has been sent. */
  get attempts(): number {
    return this.sending?.attempts ?? 0
  }
  /** Status of the upstream's answer; 0 before that. */
  get upstreamStatus(): number {
    return this.sending?.status ?? 0
  }
  /** Milliseconds from the last sending to the first byte of the answer; undefined before that. */
  get firstByte(): number | undefined {
    return this.sending?.firstByte
  }
  /** The wait for a target with room; null when there was none. */
  get wait(): SendController['wait'] {
    return this.sending && this.sending.wait
  }
}

const kWatcher = Symbol('gatehouse.watcher')

/** A handler that ends when its client goes away. */
interface ClientWatcher {
  abort(): void
  /** The gateway itself has thrown. Must not throw. */
  broken(error: unknown): void
}
type WatchedResponse = ServerResponse & { [kWatcher]?: ClientWatcher }

/** Calls `abort` when the client closes its connection before it has its whole answer. */
export function watchClient(response: WatchedResponse, watcher: ClientWatcher): void {
  response[kWatcher] = watcher
  response.on('close', onClose)
}

export function unwatchClient(response: ServerResponse): void {
  response.off('close', onClose)
}

function onClose(this: WatchedResponse): void {
  const watcher = this[kWatcher]
  if (this.writableFinished || watcher === undefined) return
  try {
    watcher.abort()
  } catch (error) {
    watcher.broken(error)
  }
}
