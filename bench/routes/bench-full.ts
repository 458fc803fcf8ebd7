import { defineUpstream, Type } from 'gatehouse'

/** The same with every policy: a token and its scope, a limit by consumer, schemas of parameters and query. */
export default defineUpstream({
  name: 'bench-full',
  prefix: '/full',
  stripPrefix: true,
  targets: [process.env.BENCH_BACKEND ?? 'http://127.0.0.1:4001'],
  auth: { jwt: { scopes: ['items:read'] } },
  // never reached; what counts is the counting
  rateLimit: { max: 1_000_000_000, window: '1 minute', by: 'consumer' },
  routes: [
    {
      method: 'GET',
      url: '/items/:id',
      schema: {
        params: Type.Object({ id: Type.Integer({ minimum: 1 }) }),
        querystring: Type.Object(
          {
            fields: Type.Optional(Type.Enum(['short', 'all'])),
            limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 100 })),
          },
          { additionalProperties: false },
        ),
      },
    },
  ],
})
