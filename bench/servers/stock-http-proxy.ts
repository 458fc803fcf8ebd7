import httpProxy from '@fastify/http-proxy'
import fastify from 'fastify'
import { announce, backend, port } from './listening.ts'

/** `@fastify/http-proxy` as its documentation begins: nothing but the upstream, and no logger. */
const app = fastify()
await app.register(httpProxy, { upstream: backend })
await app.listen({ port, host: '127.0.0.1' })
announce(app.server)
