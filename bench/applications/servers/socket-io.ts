import cluster from 'node:cluster'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { join } from 'node:path'

// A chat of several processes, each on a port of its own (`PORTS`). They exchange messages by node:cluster.

interface Socket {
  on: (event: string, listener: (message: unknown, reply?: (answer: unknown) => void) => void) => void
  emit: (event: string, ...values: unknown[]) => void
}
interface Server {
  adapter: (adapter: unknown) => void
  on: (event: 'connection', listener: (socket: Socket) => void) => void
  emit: (event: string, ...values: unknown[]) => void
}
interface Adapter {
  createAdapter: () => unknown
  setupPrimary: () => void
}

const load = createRequire(join(process.env.APPLICATIONS!, 'package.json'))
const { createAdapter, setupPrimary } = load('@socket.io/cluster-adapter') as Adapter

if (cluster.isPrimary) {
  setupPrimary()
  for (const port of process.env.PORTS!.split(',')) cluster.fork({ PORT: port })
  // one process less would make the trial easier
  cluster.on('exit', () => process.exit(1))
  process.on('SIGTERM', () => process.exit(0))
} else {
  const { Server } = load('socket.io') as { Server: new (server: unknown) => Server }
  // socket.io leaves other paths to the application
  const server = createServer((_request, response) => {
    response.end('chat')
  })
  const io = new Server(server)
  io.adapter(createAdapter())
  io.on('connection', (socket) => {
    socket.emit('welcome', process.pid)
    socket.on('echo', (message, reply) => reply!(message))
    socket.on('say', (message) => io.emit('said', message))
  })
  server.listen({ port: Number(process.env.PORT), host: '127.0.0.1', exclusive: true })
}
