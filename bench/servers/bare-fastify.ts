import fastify from 'fastify'
import { SMALL } from '../payload.ts'
import { announce, port } from './listening.ts'

/** A route of Fastify that answers a constant: what the framework itself costs. */
const app = fastify()
app.get('/items/:id', (_request, reply) => {
  reply.header('content-type', 'application/json').send(SMALL)
})
app.server.keepAliveTimeout = 0
await app.listen({ port, host: '127.0.0.1' })
announce(app.server)
