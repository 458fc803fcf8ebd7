import type {} from '@fastify/swagger'
import fp from 'fastify-plugin'

/** `/livez`: the process answers. `/readyz`: it wants requests; 503 while it starts and stops. */
export default fp(
  async (app) => {
    const options = { exposeHeadRoute: true, config: { auth: 'none' as const }, schema: { hide: true } }
    app.get('/livez', options, (_request, reply) => {
      reply.header('cache-control', 'no-store').send({ status: 'alive' })
    })
    app.get('/readyz', options, (_request, reply) => {
      const { ready } = app.readiness
      reply
        .code(ready ? 200 : 503)
        .header('cache-control', 'no-store')
        .send({ status: ready ? 'ready' : 'stopping' })
    })
  },
  { name: 'health' },
)
