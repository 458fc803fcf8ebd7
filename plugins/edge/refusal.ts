import type {} from '@fastify/swagger'
import fp from 'fastify-plugin'
import { gatehouseError } from '../../src/errors.ts'
import { refusalOf } from '../../src/listener/refusal.ts'
import { REFUSED_PATH } from '../../src/upstream/host-router.ts'

/** Answers the requests that must not be routed, since they can be read in more than one way; the host router sends them here. */
export default fp(async (app) => {
  app.all(REFUSED_PATH, { config: { auth: 'none', publicUrl: '' }, schema: { hide: true } }, (request) => {
    // a client may ask for the path itself
    const code = refusalOf(request.raw) ?? 'GW_NOT_FOUND'
    throw gatehouseError(code, code === 'GW_NOT_FOUND' ? {} : { headers: { connection: 'close' } })
  })
}, { name: 'refusal' })
