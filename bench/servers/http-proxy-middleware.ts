import { Agent, createServer } from 'node:http'
import { createProxyMiddleware } from 'http-proxy-middleware'
import { announce, backend, port } from './listening.ts'

/**
 * `http-proxy-middleware` on `node:http`, without Express. It is given an agent that keeps connections open; as it
 * comes it opens one for each request, which would measure the kernel.
 */
const proxy = createProxyMiddleware({ target: backend, changeOrigin: true, agent: new Agent({ keepAlive: true }) })
const server = createServer((request, response) => {
  proxy(request, response, () => response.writeHead(502).end())
})
server.listen(port, '127.0.0.1', () => announce(server))
