import { defineConfig } from 'gatehouse'

/** The configuration of the measured gateways: defaults but for the key. The environment sets `log.access`. */
export default defineConfig({
  routes: './routes',
  openapi: '../openapi',
  jwt: { secret: 'a secret of the bench, which protects nothing' },
  identityHeaders: { 'x-consumer-id': 'sub', 'x-consumer-scopes': 'scope' },
})
