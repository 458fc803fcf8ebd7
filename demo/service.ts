import { once } from 'node:events'
import type { IncomingMessage, OutgoingHttpHeaders, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Where a demo service listens. */
export interface Address {
  /** Default: `127.0.0.1`, so that only the gateway's machine reaches it. */
  host?: string
  /** Default: 0, the system chooses. */
  port?: number
}

/** A demo service that runs. */
export interface Service {
  url: string
  close(): Promise<void>
}

/** An error that the client is told about. */
export class HttpError extends Error {
  readonly status: number
  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

const MAX_BODY = 1024 * 1024

/**
 * Makes a request listener of a function that answers with JSON.
 * @param answer  may throw `HttpError`; anything else it throws is answered 500
 */
export const jsonListener =
  (answer: (request: IncomingMessage, response: ServerResponse, url: URL) => Promise<void> | void) =>
  async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    try {
      await answer(request, response, new URL(`http://service${request.url}`))
    } catch (error) {
      if (response.destroyed) return
      if (!(error instanceof HttpError)) console.error(error)
      sendJson(response, error instanceof HttpError ? error.status : 500, {
        error: error instanceof HttpError ? error.message : 'internal error',
      })
    }
  }

export function sendJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: OutgoingHttpHeaders = {},
): void {
  const text = JSON.stringify(body)
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    ...headers,
  })
  response.end(text)
}

/** The JSON object in a request's body. @throws HttpError 400 or 413 */
export async function readJson(request: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request) {
    size += chunk.length
    // what is too much is read and dropped, so that the client gets to see the answer
    if (size <= MAX_BODY) chunks.push(chunk)
  }
  if (size > MAX_BODY) throw new HttpError(413, 'the body is too large')
  let body: unknown
  try {
    body = JSON.parse(Buffer.concat(chunks).toString())
  } catch {
    throw new HttpError(400, 'the body is not JSON')
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new HttpError(400, 'the body is not a JSON object')
  }
  return body as Record<string, unknown>
}

/**
 * Starts a server.
 * @param beforeClose  ends what the server itself does not know of, such as WebSockets
 */
export async function listen(
  server: Server,
  { host = '127.0.0.1', port = 0 }: Address,
  beforeClose?: () => void,
): Promise<Service> {
  server.listen(port, host)
  await once(server, 'listening')
  const address = server.address() as AddressInfo
  const name = address.family === 'IPv6' ? `[${address.address}]` : address.address
  return {
    url: `http://${name}:${address.port}`,
    async close() {
      beforeClose?.()
      server.close()
      server.closeIdleConnections()
      // streams that never end by themselves must not hold up the end
      const cut = setTimeout(() => server.closeAllConnections(), 500)
      await once(server, 'close')
      clearTimeout(cut)
    },
  }
}

/** Runs a service as a program of its own, on `HOST` and `PORT` of the environment, until SIGTERM or SIGINT. */
export async function runAlone(
  name: string,
  start: (address: Address) => Promise<Service>,
  defaultPort: number,
): Promise<void> {
  try {
    const service = await start({
      host: process.env.HOST || '127.0.0.1',
      port: Number(process.env.PORT || defaultPort),
    })
    console.log(`${name} listens on ${service.url}`)
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => {
        service.close().then(() => process.exit(0))
      })
    }
  } catch (error) {
    console.error(`${name}: ${(error as Error).message}`)
    process.exitCode = 1
  }
}
