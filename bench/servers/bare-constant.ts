import { createServer } from 'node:http'
import { SMALL } from '../payload.ts'
import { announce, port } from './listening.ts'

/** The least that an answer from memory can cost on Node: one constant, no routes, no policies. */
const head = ['content-type', 'application/json', 'content-length', String(SMALL.length)]

const server = createServer((_request, response) => {
  response.writeHead(200, head).end(SMALL)
})
server.keepAliveTimeout = 0
server.listen(port, '127.0.0.1', () => announce(server))
