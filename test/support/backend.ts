import { randomInt } from 'node:crypto'
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestListener,
  type Server,
} from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net'
import type { TestContext } from 'node:test'

/** A request as it reached a backend. */
export interface Received {
  method: string
  url: string
  headers: IncomingHttpHeaders
  rawHeaders: string[]
  body: Buffer
  trailers: NodeJS.Dict<string>
}

export interface Backend {
  server: Server
  url: string
  port: number
  received: Received[]
}

/** A real HTTP service that remembers what reached it; it answers 200 and a small JSON unless told otherwise. */
export async function startBackend(t: TestContext, respond?: RequestListener): Promise<Backend> {
  const received: Received[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('error', () => {})
    request.on('end', () => received.push(describe(request, chunks)))
    if (respond) respond(request, response)
    else {
      request.on('end', () =>
        response.setHeader('content-type', 'application/json').end(JSON.stringify({ path: request.url })),
      )
    }
  })
  const port = await listen(t, server)
  return { server, port, url: `http://127.0.0.1:${port}`, received }
}

const describe = (request: IncomingMessage, chunks: Buffer[]): Received => ({
  method: request.method!,
  url: request.url!,
  headers: request.headers,
  rawHeaders: request.rawHeaders,
  body: Buffer.concat(chunks),
  trailers: request.trailers,
})

/** A backend that answers bytes as a test wants them; `connections` counts what it has been dealt. */
export async function startRawBackend(
  t: TestContext,
  onConnection: (socket: Socket) => void,
): Promise<{ url: string; port: number; connections: () => number }> {
  let connections = 0
  const server = createTcpServer((socket) => {
    connections++
    socket.on('error', () => {})
    onConnection(socket)
  })
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, port, connections: () => connections }
}

async function listen(t: TestContext, server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return (server.address() as AddressInfo).port
}

/**
 * Below the ports that systems give to whoever asks for any, so that no server or client of another test gets one of
 * these. So are those that lie 10,000 higher, which nodes of a Redis cluster take as well.
 */
const OWN_PORTS = [10_000, 20_000] as const

/**
 * A port on which nothing listens, nor will unless a test says so: a server that is started, or started again, finds it
 * free.
 */
export async function closedPort(): Promise<number> {
  for (;;) {
    const port = randomInt(...OWN_PORTS)
    const server = createTcpServer()
    const isFree = await new Promise((resolve) =>
      server.on('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true)),
    )
    if (!isFree) continue
    await new Promise((resolve) => server.close(resolve))
    return port
  }
}
