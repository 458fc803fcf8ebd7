import type {} from '@fastify/swagger'
import fp from 'fastify-plugin'
import { gatehouseError } from '../../src/errors.ts'
import { REFUSED_PATH } from '../../src/upstream/host-router.ts'

/** Answers the requests whose target or host cannot be read in one way only; the host router sends them here. */
export default fp(async (app) => {
  app.all(REFUSED_PATH, { config: { auth: 'none' }, schema: { hide: true } }, () => {
    throw gatehouseError('GW_BAD_PATH')
  })
}, { name: 'ambiguous-path' })
