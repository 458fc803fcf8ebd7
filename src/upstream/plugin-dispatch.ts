import { randomUUID } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { stringify } from 'node:querystring'
import { type Duplex, Readable } from 'node:stream'
import { type Dispatcher, errors } from 'undici'
import { failureAnswer } from './attempt-failure.ts'
import type { AnswerHandler, Body, OutgoingRequest, SendController, SendPlan } from './outgoing-request.ts'

/** The options of a plugin's request, some of which undici's types do not name. */
type Options = Dispatcher.DispatchOptions & { query?: Record<string, string> }

/** Refuses what the dispatcher of an upstream cannot do, by undici's error for a mistake of the caller. */
const mistake = (text: string): Error => new errors.InvalidArgumentError(text)

/**
 * Reads the request of a plugin: `undici.request('http://orders/items', { dispatcher: app.upstreams.get('orders') })`.
 * @param plan  timeouts, retries and hedging of the upstream; timeouts of the options take precedence
 * @param ownBasePath  the base path of the target with this origin; null when the upstream has no such target
 * @throws InvalidArgumentError for another origin and for options that are not supported
 */
export function outgoingRequest(
  options: Dispatcher.DispatchOptions,
  plan: SendPlan,
  ownBasePath: (origin: string) => string | null,
): OutgoingRequest {
  const { method, origin, path, headersTimeout, bodyTimeout, idempotent } = options
  for (const name of ['expectContinue', 'reset', 'typeOfService'] as const) {
    if (options[name]) throw mistake(`the dispatcher of an upstream does not support the option ${name}`)
  }
  if (method === 'CONNECT') throw mistake('the dispatcher of an upstream makes no tunnels: CONNECT is not supported')
  const body = bodyOf(options.body)
  const headers = ['host', '']
  const read: IncomingHttpHeaders = Object.create(null)
  let host: string | null = null
  for (const [given, value] of headerPairs(options.headers)) {
    if (value === undefined) continue
    const name = String(given).toLowerCase()
    if (name === 'host') host = String(value)
    else headers.push(name, value as string)
    read[name] = Array.isArray(value) ? value.join(', ') : String(value)
  }
  const id = String(read['x-request-id'] ?? randomUUID())
  const { firstByte, idle } = plan.timeouts
  const url = withQuery(ownPath(String(origin ?? ''), path, plan.upstream.name, ownBasePath), options)
  return {
    request: {
      id,
      // there is no client: each request counts as one of its own, so that hashes and shares spread them
      ip: id,
      protocol: 'http',
      consumer: null,
      method,
      headers: read,
      raw: {
        url,
        get complete() {
          return !(body instanceof Readable) || body.readableEnded
        },
      },
    },
    plan: {
      ...plan,
      fixedHost: host,
      timeouts: { ...plan.timeouts, firstByte: headersTimeout ?? firstByte, idle: bodyTimeout ?? idle },
    },
    path: url,
    headers,
    body,
    upgrade: upgradeOf(options.upgrade),
    idempotent,
    sending: null,
  }
}

/**
 * Passes the answer on to the handler of a plugin. Failures of the upstream become errors of the gateway (`GW_...`), as
 * a forwarded request gets them. Mistakes of the plugin and its own aborts stay as they are.
 */
export class PluginHandler implements AnswerHandler {
  readonly #handler: Dispatcher.DispatchHandler
  #controller: SendController | null = null
  #over = false

  constructor(handler: Dispatcher.DispatchHandler) {
    this.#handler = handler
  }

  onRequestStart(controller: SendController): void {
    this.#controller = controller
    this.#handler.onRequestStart?.(controller, {})
  }

  onRequestUpgrade(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
    socket: Duplex,
  ): void {
    if (this.#handler.onRequestUpgrade === undefined) socket.destroy()
    else this.#handler.onRequestUpgrade(controller, status, headers, socket)
  }

  onResponseStart(controller: SendController, status: number, headers: IncomingHttpHeaders, text?: string): void {
    if (status >= 200) controller.clearDeadline()
    this.#handler.onResponseStart?.(controller, status, headers, text)
  }

  onResponseData(controller: SendController, chunk: Buffer): void {
    this.#handler.onResponseData?.(controller, chunk)
  }

  onResponseEnd(controller: SendController, trailers: IncomingHttpHeaders): void {
    this.#over = true
    this.#handler.onResponseEnd?.(controller, trailers)
  }

  onResponseError(controller: SendController, error: Error): void {
    this.#fail(
      error === controller.reason || error instanceof errors.InvalidArgumentError ? error : failureAnswer(error),
    )
  }

  /** Also called when the plugin's handler has thrown, which gets its own error then. */
  broken(error: unknown): void {
    try {
      this.#fail(error as Error)
    } catch {
      // the handler has failed twice, and there is nobody else to inform
    }
  }

  #fail(error: Error): void {
    if (this.#over) return
    this.#over = true
    this.#handler.onResponseError?.(this.#controller!, error)
  }
}

/** Ends a request that cannot be sent, as undici's dispatchers do. */
export function refuseDispatch(handler: Dispatcher.DispatchHandler, error: unknown): void {
  if (typeof handler.onResponseError !== 'function') throw error
  handler.onResponseError(null as never, error as Error)
}

/** The path for the targets of an upstream, without a base path. */
function ownPath(origin: string, path: string, name: string, ownBasePath: (origin: string) => string | null): string {
  if (typeof path !== 'string' || path[0] !== '/') throw mistake('path must begin with a slash')
  if (origin === '' || origin === `http://${name}`) return path
  // a redirect of the service may name one of its targets
  const base = ownBasePath(origin)
  if (base === null) {
    throw mistake(`the dispatcher of the upstream "${name}" sends to http://${name} only, not to ${origin}`)
  }
  if (base === '') return path
  const rest = path.startsWith(base) ? path.slice(base.length) : null
  if (rest === '' || rest?.[0] === '?') return `/${rest}`
  if (rest?.[0] !== '/') throw mistake(`the target of the upstream "${name}" serves paths below ${base} only`)
  return rest
}

function withQuery(path: string, { query }: Options): string {
  if (query === undefined || query === null) return path
  if (/[?#]/.test(path)) throw mistake('query cannot be passed when the path has a query already')
  const text = stringify(query)
  return text === '' ? path : `${path}?${text}`
}

function upgradeOf(upgrade: Dispatcher.DispatchOptions['upgrade']): string | undefined {
  if (!upgrade) return undefined
  if (String(upgrade).toLowerCase() === 'websocket') return 'websocket'
  throw mistake('the dispatcher of an upstream upgrades to WebSocket only')
}

/** A body as it is sent. Text and bytes are kept as a buffer, which can be sent again. */
function bodyOf(body: unknown): Body {
  if (body === undefined || body === null) return null
  if (typeof body === 'string') return Buffer.from(body)
  if (Buffer.isBuffer(body)) return body
  if (ArrayBuffer.isView(body)) return Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  if (body instanceof ArrayBuffer) return Buffer.from(body)
  const isIterable = Symbol.asyncIterator in Object(body) || Symbol.iterator in Object(body)
  // undici reads forms by itself
  const isForm = typeof (body as FormData).append === 'function'
  if (body instanceof Readable || isForm || !isIterable) return body as Readable
  return Readable.from(body as AsyncIterable<Uint8Array>)
}

/** Names and values of headers in each form that undici takes. */
function headerPairs(headers: Dispatcher.DispatchOptions['headers']): Iterable<readonly [unknown, unknown]> {
  if (headers === undefined || headers === null) return []
  if (Array.isArray(headers) && !Array.isArray(headers[0])) {
    if (headers.length % 2 !== 0) throw mistake('headers array must be even')
    return headers.flatMap((name, i) => (i % 2 === 0 ? [[name, headers[i + 1]] as const] : []))
  }
  return Symbol.iterator in headers ? (headers as Iterable<[string, string]>) : Object.entries(headers)
}
