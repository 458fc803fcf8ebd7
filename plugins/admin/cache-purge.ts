import type {} from '@fastify/swagger'
import fp from 'fastify-plugin'
import Type, { type Static } from 'typebox'
import { collectBodies } from '../../src/validation/body-parsers.ts'
import { gatehouseError } from '../../src/errors.ts'

/** Largest request to purge. Bytes. */
const LARGEST = 64 * 1024

const options = { minLength: 1, maxLength: 32 * 1024, pattern: '^(/|https?://)' }
const PurgeRequest = Type.Object(
  {
    url: Type.Optional(Type.String(options)),
    prefix: Type.Optional(Type.String(options)),
    tag: Type.Optional(Type.String({ minLength: 1, maxLength: 1000 })),
    soft: Type.Optional(Type.Boolean()),
  },
  { additionalProperties: false },
)

/** Purges stored responses by URL, by what the URLs begin with, or by tag; where and by whom the configuration says. */
export default fp(
  async (app) => {
    const { config, responseCache } = app
    const { purge } = config.cache
    if (!purge) return
    app.register(async (scope) => {
      collectBodies(scope, { bodyLimit: LARGEST, consumes: ['application/json'] })
      scope.post<{ Body: Static<typeof PurgeRequest> }>(
        purge.path,
        { config: { auth: purge.auth }, schema: { hide: true, body: PurgeRequest } },
        async (request, reply) => {
          const { soft = false, ...what } = request.body
          if (Object.keys(what).length !== 1) {
            throw gatehouseError('GW_VALIDATION', {
              extensions: {
                errors: [{ in: 'body', pointer: '', expected: 'exactly one of "url", "prefix" and "tag"' }],
              },
            })
          }
          reply.header('cache-control', 'no-store')
          try {
            const purged = await responseCache.purgeOrFail({ ...what, soft })
            request.log.info({ ...what, soft, purged }, 'purged responses')
            return { purged }
          } catch (error) {
            responseCache.failed(error, 'purge')
            throw gatehouseError('GW_PURGE_INCOMPLETE', { headers: { 'retry-after': '1' }, cause: error })
          }
        },
      )
    })
  },
  { name: 'cache-purge', dependencies: ['validation'] },
)
