import { Agent, createServer, request as sendRequest } from 'node:http'
import { announce, backend, port } from './listening.ts'

/** The least that a streaming proxy on Node can do: `http.request` and `pipe`. */
const { hostname, port: backendPort } = new URL(backend)
const agent = new Agent({ keepAlive: true })

const server = createServer((request, response) => {
  const { host, connection, ...headers } = request.headers
  const outgoing = sendRequest(
    { agent, hostname, port: backendPort, method: request.method, path: request.url, headers },
    (incoming) => {
      const { connection: _, 'keep-alive': __, ...head } = incoming.headers
      response.writeHead(incoming.statusCode!, head)
      incoming.pipe(response)
    },
  )
  outgoing.on('error', () => response.destroy())
  request.pipe(outgoing)
})
server.listen(port, '127.0.0.1', () => announce(server))
