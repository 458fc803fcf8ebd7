import fp from 'fastify-plugin'

/** Tells every client the id under which its request stands in the log. */
export default fp(
  async (app) => {
    app.requestPhase('requestId', (request, reply, done) => {
      reply.header('x-request-id', request.id)
      done()
    })
  },
  { name: 'request-id' },
)
