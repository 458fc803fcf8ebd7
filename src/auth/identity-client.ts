import { Agent } from 'undici'
import { BootProblems } from '../errors.ts'

/** Largest answer that is read, in bytes; those of identity services have a few hundred. */
const LARGEST_ANSWER = 1024 * 1024
/** Most requests that wait for an answer. A service that hangs may not pile up more. */
const MOST_WAITING = 1000
/** Connections to one origin. */
const CONNECTIONS = 64
/** Failures of a connection that has been closed while it idled; a new one does better. */
const STALE = new Set(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'])

export interface IdentityRequest {
  method: 'GET' | 'POST'
  /** Name, value, name, value. */
  headers: string[]
  body?: string
}

export interface IdentityAnswer {
  status: number
  /** Names in small letters, values as latin1. */
  headers: Record<string, string | string[] | undefined>
  body: Buffer
}

/**
 * Asks services that know who somebody is: one request, one answer, all of it within a time and a size. Redirects are
 * not followed, and certificates are verified (further authorities: `NODE_EXTRA_CA_CERTS`).
 */
export class IdentityClient {
  readonly #timeoutMs: number
  readonly #agent: Agent
  #waiting = 0

  /** @param timeoutMs  from the question to the last byte of the answer, connecting included; in milliseconds */
  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs
    this.#agent = new Agent({
      connections: CONNECTIONS,
      connect: { timeout: timeoutMs },
      // a connection that idles longer than the service keeps it would break the next request
      keepAliveTimeout: 4000,
      keepAliveMaxTimeout: 4000,
      maxResponseSize: LARGEST_ANSWER,
      pipelining: 1,
      allowH2: false,
    })
  }

  /**
   * Sends a request that changes nothing: it is sent again when the connection has gone stale.
   * @throws Error of any kind when there is no whole answer in time
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

  /** Ends every connection, and with it what still waits. */
  async close(): Promise<void> {
    await this.#agent.destroy()
  }
}

/**
 * The address of an identity service.
 * @param field  of the configuration, for the message
 * @throws BootProblems when it is none
 */
export function identityUrl(text: string, field: string): URL {
  const refuse = (message: string): never => {
    throw new BootProblems([{ file: 'configuration', field, message }])
  }
  const url = URL.parse(text)
  // the text itself may hold a password
  if (url === null || !/^https?:$/.test(url.protocol)) {
    return refuse('is not a URL: state one such as "https://id.example.com/path"')
  }
  if (url.username !== '' || url.password !== '' || url.hash !== '') {
    return refuse('has credentials or a fragment in it: leave them out')
  }
  return url
}
