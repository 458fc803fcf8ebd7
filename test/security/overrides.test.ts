import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startGateway } from '../support/gateway.ts'
import { rawRequest } from '../support/raw-client.ts'
import { get, startRecorder, UPGRADE, WAYS, startWays } from './wire.ts'

const OVERRIDES = [
  'X-HTTP-Method-Override',
  'X-HTTP-Method',
  'X-Method-Override',
  'x_http_method_override',
  'X_HTTP_METHOD',
  'x-method_override',
  'x.http.method',
]
const overrides = OVERRIDES.map((name) => `${name}: DELETE-IT\r\n`).join('')

test('no header replaces the method that a route was chosen by', async (t) => {
  const backend = await startRecorder(t)
  const { port } = await startWays(t, backend.url)
  for (const way of WAYS) {
    await rawRequest(port, get(`${way}/x`, overrides))
    await rawRequest(port, get(`${way}/x`, overrides + UPGRADE))
    await rawRequest(port, `POST ${way}/x HTTP/1.1\r\nhost: x\r\n${overrides}content-length: 0\r\n\r\n`)
  }
  assert.equal(backend.targets().length, 6)
  assert.doesNotMatch(backend.wire(), /DELETE-IT/)
})

test('forwardMethodOverride sends them on: of the gateway, or of an upstream, which wins; never on cached routes', async (t) => {
  const backend = await startRecorder(t)
  const files = (stated: object) => ({
    'a.json': {
      name: 'a',
      auth: 'none',
      targets: [backend.url],
      ...stated,
      routes: [
        { method: 'GET', url: '/x' },
        { method: 'GET', url: '/cached', cache: true },
      ],
    },
  })
  const sees = async (stated: object, config: object, path = '/x') => {
    const { port } = await startGateway(t, files(stated), config)
    await rawRequest(port, get(path, 'x-http-method-override: DELETE\r\n'))
    return backend.received.pop()!.headers['x-http-method-override']
  }
  assert.equal(await sees({}, { forwardMethodOverride: true }), 'DELETE')
  assert.equal(await sees({ forwardMethodOverride: true }, {}), 'DELETE')
  assert.equal(await sees({ forwardMethodOverride: false }, { forwardMethodOverride: true }), undefined)
  assert.equal(await sees({ forwardMethodOverride: true }, {}, '/cached'), undefined)
})

const versioned = (target: string) => ({
  'a.json': {
    name: 'a',
    auth: 'none',
    targets: [target],
    passThrough: true,
    routes: [
      { method: 'GET', url: '/x', match: { headers: { 'X-Version': '2' } }, rewritePath: '/second' },
      { method: 'GET', url: '/x', rewritePath: '/first' },
      { method: 'GET', url: '/only', match: { headers: { 'x-version': '2' } }, rewritePath: '/second' },
    ],
  },
  'b.json': { name: 'b', prefix: '/b', auth: 'none', targets: [target], passThrough: true },
})

test('no spelling of a header hides from the router what the upstream would read', async (t) => {
  const backend = await startRecorder(t)
  const { port } = await startGateway(t, versioned(backend.url))
  for (const path of ['/x', '/only', '/b/x']) {
    for (const lines of [
      ['x_version: 2'],
      ['X_VERSION: 2'],
      ['x.version: 2'],
      ['x-version: 1', 'x_version: 2'],
      ['x-version: 2', 'x-version: 1'],
      ['X-Version: 1', 'x-version: 2'],
      ['x-version: 2', 'x-version: 2'],
      ['x-version: 1, 2'],
      ['x-version: 2,'],
      ['x-version: "2", 1'],
      ['x-version:', 'x-version: 2'],
      ['connection: x-version', 'x-version: 2'],
    ]) {
      backend.received.splice(0)
      const { status } = await rawRequest(port, get(path, lines.map((line) => `${line}\r\n`).join('')))
      if (status === 400) continue
      assert.equal(status, 200)
      const [{ url, rawHeaders }] = backend.received as [(typeof backend.received)[0]]
      // a service behind CGI reads all of these as one
      const seen = rawHeaders.filter((_value, i) => i % 2 === 1 && /^x.version$/i.test(rawHeaders[i - 1]!))
      assert.ok(
        !seen.some((value) => value.includes('2')) || url === '/second',
        `${path} ${lines.join(' | ')}: the upstream saw ${seen.join()} at ${url}`,
      )
    }
  }
  for (const [lines, url] of [
    ['x-version: 2\r\n', '/second'],
    ['x-version: 1\r\n', '/first'],
    ['x-version: 1\r\nx-version: 3\r\n', '/first'],
    ['', '/first'],
    ['accept: a, b\r\n', '/first'],
  ] as const) {
    assert.equal((await rawRequest(port, get('/x', lines))).status, 200)
    assert.equal(backend.received.at(-1)!.url, url, lines)
  }
})

test('a header that a schema checks has no other spelling', async (t) => {
  const backend = await startRecorder(t)
  const { port } = await startGateway(t, {
    'a.json': {
      name: 'a',
      auth: 'none',
      targets: [backend.url],
      routes: [
        {
          method: 'GET',
          url: '/x',
          schema: {
            headers: { type: 'object', properties: { 'x-tenant': { enum: ['a'] }, api_version: { enum: ['1'] } } },
          },
        },
      ],
    },
  })
  await rawRequest(
    port,
    get(
      '/x',
      'x-tenant: a\r\nx_tenant: evil\r\nX.Tenant: evil\r\napi_version: 1\r\nApi-Version: evil\r\napi.version: evil\r\n',
    ),
  )
  assert.doesNotMatch(backend.wire(), /evil/)
  assert.match(backend.wire(), /^x-tenant: a\r$/m)
  assert.match(backend.wire(), /^api_version: 1\r$/m)
})

const CLAIMS = [
  'Client-Cert',
  'Client-Cert-Chain',
  'X-Forwarded-Uri',
  'X-Forwarded-Method',
  'X-Forwarded-User',
  'X-Forwarded-Email',
  'X-Forwarded-Groups',
  'X-Forwarded-Preferred-Username',
  'X-Forwarded-Access-Token',
  'X-Forwarded-Client-Cert',
  'X-Forwarded-Tls-Client-Cert',
  'X-Forwarded-Tls-Client-Cert-Info',
  'X-Auth-Request-User',
  'X-Auth-Request-Email',
  'X-Auth-Request-Access-Token',
  'X-SSL-Cert',
  'X-SSL-Client-Verify',
  'SSL-Client-Cert',
  'SSL-Client-Verify',
  'SSL-Client-Subject-DN',
  'X-Client-Cert',
  'X-Client-Verify',
  'X-Client-DN',
  'Remote-User',
  'Remote-Groups',
  'Remote-Email',
  'X-Remote-User',
  'X-Remote-Extra-Scopes',
  'X-WebAuth-User',
  'X-authentik-username',
  'X-Envoy-External-Address',
  'X-Original-URI',
  'X-Original-Method',
  'X-Consumer-Username',
  'X-MS-Client-Principal',
  'X-Amzn-Oidc-Identity',
  'X-Goog-Authenticated-User-Email',
  'Tailscale-User-Login',
  'Cf-Access-Authenticated-User-Email',
  'Cf-Connecting-Ip',
  'X-Client-IP',
  'X-Host',
  'X-Vouch-User',
  'X-Pomerium-Claim-Email',
  'Fly-Client-IP',
  'Proxy',
]
const spelled = (name: string): string[] => [
  name,
  name.toUpperCase(),
  name.toLowerCase().replaceAll('-', '_'),
  name.replace('-', '_'),
  name.replaceAll('-', '.'),
]

test('what proxies state of a client, a client does not state itself, on open routes neither', async (t) => {
  const backend = await startRecorder(t)
  const { port } = await startWays(t, backend.url)
  for (const way of WAYS) {
    for (const name of CLAIMS) {
      await rawRequest(
        port,
        get(
          `${way}/x`,
          spelled(name)
            .map((line) => `${line}: evil\r\n`)
            .join(''),
        ),
      )
    }
    await rawRequest(port, get(`${way}/x`, CLAIMS.map((name) => `${name}: evil\r\n`).join('') + UPGRADE))
  }
  assert.equal(backend.targets().length, 2 * CLAIMS.length + 2)
  assert.doesNotMatch(backend.wire(), /evil/)
})

test('what a trusted proxy states goes on, in its own spelling alone', async (t) => {
  const backend = await startRecorder(t)
  const { port } = await startWays(t, backend.url, {}, { config: { trustProxy: ['127.0.0.1'] } })
  // a name of one word has no other spelling
  for (const name of CLAIMS.filter((one) => one.includes('-'))) {
    await rawRequest(port, get('/declared/x', `${name}: true\r\n${name.replaceAll('-', '_')}: evil\r\n`))
    assert.equal(backend.received.at(-1)!.headers[name.toLowerCase()], 'true', name)
  }
  assert.doesNotMatch(backend.wire(), /evil/)
})

test('headers of applications that only look similar go on', async (t) => {
  const backend = await startRecorder(t)
  const { port } = await startWays(t, backend.url)
  const names = [
    'x-ssllabs',
    'x-remotely',
    'remote-user-agent',
    'x-hostname',
    'x-original-filename',
    'x-authenticity',
    'client-id',
    'client-certainty',
    'proxy-me',
    'x-proxy',
    'x-client-id',
    'cf-ray',
    'x-forwardedness',
    'x-user-id',
    'api_key',
    'x-csrf-token',
    'x-requested-with',
    'sec-fetch-site',
  ]
  await rawRequest(port, get('/declared/x', names.map((name) => `${name}: 1\r\n`).join('')))
  assert.deepEqual(
    names.filter((name) => backend.received[0]!.headers[name] !== '1'),
    [],
  )
})
