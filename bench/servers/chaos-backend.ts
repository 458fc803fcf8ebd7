import { createServer } from 'node:http'
import { announce, port } from './listening.ts'

/**
 * A service that can be told to misbehave: `POST /mode` with `good`, `slow`, or `failing`, which answers 500 to a third
 * of requests.
 */
const SLOW_MS = 300
let mode = 'good'
let served = 0

const server = createServer((request, response) => {
  if (request.url === '/mode') {
    let text = ''
    request
      .setEncoding('utf8')
      .on('data', (part: string) => {
        text += part
      })
      .on('end', () => {
        mode = text
        response.end()
      })
    return
  }
  if (request.url === '/health') {
    response.end('well')
    return
  }
  if (request.url === '/served') {
    response.end(String(served))
    return
  }
  served++
  if (mode === 'failing' && served % 3 === 0) response.writeHead(500).end('failed')
  else if (mode === 'slow') setTimeout(() => response.end('ok'), SLOW_MS)
  else response.end('ok')
})
server.listen(port, '127.0.0.1', () => announce(server))
// a rolling restart: what is under way is finished
process.removeAllListeners('SIGTERM').on('SIGTERM', () => {
  server.close(() => process.exit(0))
  server.closeIdleConnections()
})
