import assert from 'node:assert/strict'
import { test } from 'node:test'
import { closedPort, startBackend } from '../support/backend.ts'
import { startGateway } from '../support/gateway.ts'

const NAMES = [
  'strict-transport-security',
  'content-security-policy',
  'x-frame-options',
  'referrer-policy',
  'x-content-type-options',
  'cross-origin-opener-policy',
  'cross-origin-resource-policy',
  'x-powered-by',
  'x-xss-protection',
  'origin-agent-cluster',
]

test('headers that make browsers careful, on every answer of the routes that ask for them', async (t) => {
  const { url: target } = await startBackend(t, (request, response) => {
    request.resume()
    if (request.url === '/own') response.setHeader('x-frame-options', 'DENY').setHeader('referrer-policy', 'origin')
    response.end('{}')
  })
  const custom = {
    strictTransportSecurity: { maxAge: '1 hour', includeSubDomains: false },
    contentSecurityPolicy: { 'default-src': ["'self'", 'https://cdn.example'], 'object-src': ["'none'"] },
    referrerPolicy: false,
    frameOptions: 'SAMEORIGIN',
    crossOriginOpenerPolicy: 'same-origin',
    override: true,
  }
  const { url } = await startGateway(
    t,
    {
      'a.json': {
        name: 'a',
        auth: 'none',
        targets: [target],
        securityHeaders: true,
        routes: [
          { method: 'GET', url: '/own' },
          { method: 'GET', url: '/off', securityHeaders: false },
          { method: 'GET', url: '/guarded', auth: { jwt: {} } },
        ],
        passThrough: { auth: 'none' },
      },
      'b.json': {
        name: 'b',
        prefix: '/b',
        stripPrefix: true,
        auth: 'none',
        targets: [target],
        securityHeaders: custom,
        routes: [{ method: 'GET', url: '/own' }],
      },
      'c.json': {
        name: 'c',
        prefix: '/c',
        auth: 'none',
        targets: [`http://127.0.0.1:${await closedPort()}`],
        securityHeaders: { strictTransportSecurity: false },
        routes: [{ method: 'GET', url: '/x' }],
      },
    },
    { jwt: { secret: 'a secret for tests, long enough for HS256' }, trustProxy: ['127.0.0.1'] },
  )
  const of = async (path: string) => {
    const { headers } = await fetch(url + path, { headers: { 'x-forwarded-proto': 'https' } })
    return Object.fromEntries(NAMES.flatMap((name) => (headers.has(name) ? [[name, headers.get(name)]] : [])))
  }
  const defaults = {
    'strict-transport-security': 'max-age=31536000; includeSubDomains',
    'x-frame-options': 'SAMEORIGIN',
    'referrer-policy': 'strict-origin-when-cross-origin',
    'x-content-type-options': 'nosniff',
  }
  assert.deepEqual(await of('/else'), defaults)
  assert.deepEqual(await of('/guarded'), defaults)
  assert.deepEqual(await of('/off'), {})
  assert.deepEqual(
    await of('/own'),
    { ...defaults, 'x-frame-options': 'DENY', 'referrer-policy': 'origin' },
    "the upstream's own win",
  )
  assert.deepEqual(await of('/b/own'), {
    'strict-transport-security': 'max-age=3600',
    'content-security-policy': "default-src 'self' https://cdn.example;object-src 'none'",
    'x-frame-options': 'SAMEORIGIN',
    'referrer-policy': 'origin',
    'x-content-type-options': 'nosniff',
    'cross-origin-opener-policy': 'same-origin',
  })
  const { 'strict-transport-security': _, ...rest } = defaults
  assert.deepEqual(await of('/c/x'), rest, 'errors of the gateway too')
})
