import { Agent } from 'undici'
import { configurationProblem } from '../errors.ts'

/** Largest response that is read, in bytes; usual ones have a few hundred. */
const LARGEST_ANSWER = 1024 * 1024
/** Most requests in flight, so that they do not pile up when a service hangs. */
const MOST_WAITING = 1000
/** Most connections to one origin. */
const CONNECTIONS = 64
/** Errors of a connection that was closed while idle; a retry takes a new one. */
const STALE = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'])

export interface IdentityRequest {
  method: 'GET' | 'POST'
  /** Name, value, name, value. */
  headers: string[]
  body?: string
}

export interface IdentityAnswer {
  status: number
  /** Names in lower case, values as latin1. */
  headers: Record<string, string | string[] | undefined>
  body: Buffer
}

/**
 * The HTTP client for identity services (issuers, introspection, forward-auth). Time and size of a response are
 * bounded, redirects are not followed, and certificates are verified (further authorities: `NODE_EXTRA_CA_CERTS`).
 */
export class IdentityClient {
  readonly #timeoutMs: number
  readonly #agent: Agent
  #waiting = 0

  /** @param timeoutMs  for the whole exchange, from connecting to the last byte; in milliseconds */
  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs
    this.#agent = new Agent({
      connections: CONNECTIONS,
      connect: { timeout: timeoutMs },
      // shorter than the idle timeout of most servers, which would break the next request
      keepAliveTimeout: 4000,
      keepAliveMaxTimeout: 4000,
      maxResponseSize: LARGEST_ANSWER,
      pipelining: 1,
      allowH2: false,
    })
  }

  /**
   * Sends a request without side effects: it is sent again when the connection was stale.
   * @throws Error of any kind when there is no complete response in time
   */
  async ask(url: URL, request: IdentityRequest): Promise<IdentityAnswer> {
    if (this.#waiting >= MOST_WAITING) throw new Error(`${MOST_WAITING} requests are waiting for ${url.origin}`)
    this.#waiting++
    try {
      const signal = AbortSignal.timeout(this.#timeoutMs)
      return await this.#send(url, request, signal).catch((error: NodeJS.ErrnoException) => {
        if (!STALE.has(error.code ?? '') || signal.aborted) throw error
        return this.#send(url, request, signal)
      })
    } finally {
      this.#waiting--
    }
  }

  async #send(url: URL, { method, headers, body }: IdentityRequest, signal: AbortSignal): Promise<IdentityAnswer> {
    const answer = await this.#agent.request({
      origin: url.origin,
      path: url.pathname + url.search,
      method,
      headers,
      body,
      signal,
    })
    return { status: answer.statusCode, headers: answer.headers, body: Buffer.from(await answer.body.arrayBuffer()) }
  }

  /** Closes every connection; requests in flight fail. */
  async close(): Promise<void> {
    await this.#agent.destroy()
  }
}

/**
 * Parses the URL of an identity service.
 * @param field  its field in the configuration, for the message
 * @throws BootProblems when it is not a usable URL
 */
export function identityUrl(text: string, field: string): URL {
  const url = URL.parse(text)
  // the messages do not quote the URL, which may hold a password
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw configurationProblem(field, 'is not a URL: state one such as "https://id.example.com/path"')
  }
  if (url.username !== '' || url.password !== '' || url.hash !== '') {
    throw configurationProblem(field, 'has credentials or a fragment in it: leave them out')
  }
  return url
}
