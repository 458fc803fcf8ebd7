import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type Dispatcher, Pool } from 'undici'
import { announce, backend, port } from './listening.ts'

/**
 * The least that a proxy on Node can do: `node:http`, undici's `dispatch`, nothing between. The headers go through as
 * they are but for `Host` and `Connection`; a small body is collected and sent at once.
 */
const pool = new Pool(backend, { pipelining: 1 })
const { host } = new URL(backend)

class Relay implements Dispatcher.DispatchHandler {
  readonly #response: ServerResponse
  #chunks: Buffer[] = []

  constructor(response: ServerResponse) {
    this.#response = response
  }

  onRequestStart(): void {}

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    const head: string[] = []
    for (const name in headers) {
      if (name !== 'connection' && name !== 'keep-alive') head.push(name, headers[name] as string)
    }
    this.#response.writeHead(status, head)
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#chunks.push(chunk)
  }

  onResponseEnd(): void {
    this.#response.end(this.#chunks.length === 1 ? this.#chunks[0] : Buffer.concat(this.#chunks))
  }

  onResponseError(): void {
    this.#response.destroy()
  }
}

function forwardedHead({ headers }: IncomingMessage): string[] {
  const head = ['host', host]
  for (const name in headers) if (name !== 'host' && name !== 'connection') head.push(name, headers[name] as string)
  return head
}

const server = createServer((request, response) => {
  pool.dispatch(
    { path: request.url!, method: request.method as Dispatcher.HttpMethod, headers: forwardedHead(request) },
    new Relay(response),
  )
})
server.listen(port, '127.0.0.1', () => announce(server))
