import fp from 'fastify-plugin'

/** The place where every scheme that is configured is entered. */
export default fp(async (app) => {
  app.decorate('authSchemes', new Map())
}, { name: 'auth-schemes' })
