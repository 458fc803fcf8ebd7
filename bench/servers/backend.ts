import { createServer } from 'node:http'
import { LARGE_BYTES, LARGE_PATH, largeBody, MEDIUM_PATH, mediumBody, SMALL } from '../payload.ts'
import { announce, port } from './listening.ts'

/**
 * The service behind the servers under test, where nginx is not installed: constant answers, as cheap as Node has them.
 */
const small = Buffer.from(SMALL)
const large = largeBody()
const smallHead = ['content-type', 'application/json', 'content-length', String(small.length)]
const medium = mediumBody()
const mediumHead = ['content-type', 'application/octet-stream', 'content-length', String(medium.length)]
const largeHead = ['content-type', 'application/octet-stream', 'content-length', String(LARGE_BYTES)]

const server = createServer((request, response) => {
  if (request.url === MEDIUM_PATH) {
    response.writeHead(200, mediumHead).end(medium)
    return
  }
  const isLarge = request.url === LARGE_PATH
  response.writeHead(200, isLarge ? largeHead : smallHead).end(isLarge ? large : small)
})
server.keepAliveTimeout = 0
server.listen(port, '127.0.0.1', () => announce(server))
