import { defineUpstream } from 'gatehouse'

/** Routes whose answers are stored: what a hit costs, for everybody and behind a token with a limit. */
export default defineUpstream({
  name: 'bench-cached',
  prefix: '/cached',
  stripPrefix: true,
  targets: [process.env.BENCH_BACKEND ?? 'http://127.0.0.1:4001'],
  auth: 'none',
  cache: { ttl: '1 hour', override: true },
  routes: [
    { method: 'GET', url: '/items/:id' },
    { method: 'GET', url: '/medium' },
    {
      method: 'GET',
      url: '/guarded/items/:id',
      rewritePath: '/items/:id',
      auth: { jwt: { scopes: ['items:read'] } },
      rateLimit: { max: 1_000_000_000, window: '1 minute', by: 'consumer' },
    },
  ],
})
