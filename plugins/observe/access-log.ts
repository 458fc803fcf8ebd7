import fp from 'fastify-plugin'
import { accessRecord } from '../../src/observe/logger.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The reply, for the hook on aborted requests, which is given the request alone. */
    ownReply: FastifyReply | null
  }
}

/** One line for each request, when it is over; a client that went away gets its line too. */
export default fp(
  async (app) => {
    if (!app.config.log.access) return
    app.decorateRequest('ownReply', null)
    // the record has no place for a secret, and looking for them would cost as much as the rest of the request
    const log = app.log.child({}, { redact: [] } as object)
    app.requestPhase('logStart', (request, reply, done) => {
      request.ownReply = reply
      done()
    })
    app.requestPhase('accessLog', (request, reply, done) => {
      log.info(accessRecord(request, reply, false), 'request')
      done()
    })
    app.requestPhase('abortLog', (request, done) => {
      log.info(accessRecord(request, request.ownReply!, true), 'request aborted')
      done()
    })
  },
  { name: 'access-log' },
)
