import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type WebSocket, WebSocketServer } from 'ws'
import { type Address, HttpError, jsonListener, listen, runAlone, type Service } from './service.ts'

/** WebSocket subprotocols (RFC 6455, section 1.9); without one it is an echo. */
const SUBPROTOCOLS = ['echo', 'clock']
const SECOND = 1000

const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Live</title>
<style>body { font: 6vw system-ui; display: grid; place-items: center; min-height: 90vh; margin: 0 }</style>
<time>waiting</time>
<script>
  new EventSource('/live/ticks').addEventListener('tick', ({ data }) => {
    document.querySelector('time').textContent = JSON.parse(data).time
  })
</script>
</html>
`

/** What stays open: a WebSocket at `/live/socket`, Server-Sent Events at `/live/ticks`, and a page that shows them. */
export async function start(address: Address = {}): Promise<Service> {
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: 64 * 1024,
    handleProtocols: (offered) => SUBPROTOCOLS.find((name) => offered.has(name)) ?? false,
  })
  const streams = new Set<ServerResponse>()

  const server = createServer(
    jsonListener((request, response, url) => {
      if (request.method !== 'GET' && request.method !== 'HEAD') {
        throw new HttpError(405, `${request.method} is not possible here`)
      }
      switch (url.pathname) {
        case '/live':
          response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(PAGE)
          return
        case '/live/ticks':
          streams.add(response)
          response.once('close', () => streams.delete(response))
          return tick(request, response, Number(url.searchParams.get('count') ?? Infinity))
        case '/live/socket':
          throw new HttpError(426, 'this path speaks WebSocket')
        default:
          throw new HttpError(404, 'there is nothing at this path')
      }
    }),
  )
  server.on('upgrade', (request, socket, head) => {
    if (!/^\/live\/socket(\?|$)/.test(request.url!)) {
      return socket.end('HTTP/1.1 404 Not Found\r\nconnection: close\r\n\r\n')
    }
    sockets.handleUpgrade(request, socket, head, (client) => {
      if (client.protocol === 'clock') clock(client)
      else echo(client)
    })
  })
  return listen(server, address, () => {
    for (const stream of streams) stream.end()
    for (const client of sockets.clients) client.close(1001, 'the service stops')
    sockets.close()
  })
}

/** Sends the time as Server-Sent Events, at once and then each second. */
function tick(request: IncomingMessage, response: ServerResponse, count: number): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
  if (request.method === 'HEAD') {
    response.end()
    return
  }
  // a client that comes back says which event it saw last
  let id = Number(request.headers['last-event-id'] ?? 0) || 0
  let left = count
  const send = () => {
    response.write(`id: ${++id}\nevent: tick\ndata: ${JSON.stringify({ time: new Date().toISOString() })}\n\n`)
    if (--left === 0) response.end()
  }
  const timer = setInterval(send, SECOND)
  response.once('close', () => clearInterval(timer))
  send()
}

function echo(client: WebSocket): void {
  client.on('error', () => {})
  client.on('message', (data, binary) => {
    if (binary) client.close(1003, 'text only')
    else client.send(data, { binary })
  })
}

function clock(client: WebSocket): void {
  const send = () => client.send(new Date().toISOString())
  const timer = setInterval(send, SECOND)
  client.on('error', () => {})
  client.on('close', () => clearInterval(timer))
  send()
}

if (import.meta.main) await runAlone('live', start, 4003)
