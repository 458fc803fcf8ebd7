import assert from 'node:assert/strict'
import { test } from 'node:test'
import { JWT_SECRET, startGateway } from '../support/gateway.ts'

test('a hand-written route inherits auth and limit of the gateway', async (t) => {
  const { url } = await startGateway(
    t,
    {
      'p.mjs':
        "export default async (app) => { app.get('/p', () => ({ ok: true })); app.get('/o', { config: { auth: 'none' } }, () => ({ ok: true })) }",
    },
    { jwt: { secret: JWT_SECRET }, auth: { jwt: {} }, rateLimit: { max: 1, window: '1m' } },
  )
  assert.equal((await fetch(`${url}/p`)).status, 401)
  assert.equal((await fetch(`${url}/o`)).headers.get('ratelimit-policy'), '"gateway";q=1;w=60')
  assert.equal((await fetch(`${url}/o`)).status, 429)
})
