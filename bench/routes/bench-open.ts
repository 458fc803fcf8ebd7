import { defineUpstream } from 'gatehouse'

/** Routes without any policy: what forwarding itself costs. */
export default defineUpstream({
  name: 'bench-open',
  prefix: '/open',
  stripPrefix: true,
  targets: [process.env.BENCH_BACKEND ?? 'http://127.0.0.1:4001'],
  auth: 'none',
  routes: [
    { method: 'GET', url: '/items/:id' },
    { method: 'GET', url: '/large' },
  ],
  passThrough: true,
})
