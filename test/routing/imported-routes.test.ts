import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { buildApp } from '../../src/app.ts'
import { signToken } from '../../src/auth/jwt/dev-token.ts'
import { BootProblems } from '../../src/errors.ts'
import { apiConfig, apiDocument, startApiGateway } from '../support/api-gateway.ts'
import { JWT_SECRET, listening } from '../support/gateway.ts'

const ok = { responses: { 200: { description: 'OK' } } }
const jwt = { secret: JWT_SECRET }
const bearer = (...scopes: string[]) => ({
  authorization: `Bearer ${signToken({ secret: JWT_SECRET } as never, { sub: 'somebody', scopes, expiresIn: '1 hour' })}`,
})

async function problemsOf(
  t: TestContext,
  document: unknown,
  upstream: object = {},
  config: object = {},
  others: Record<string, object> = {},
) {
  const files = {
    'api.json': { name: 'api', targets: ['http://127.0.0.1:9'], openapi: 'api.json', ...upstream },
    ...others,
  }
  try {
    await (await buildApp(await apiConfig(t, files, { 'api.json': document }, config))).close()
  } catch (error) {
    if (error instanceof BootProblems) {
      return error.problems.map(({ file, field, message }) => `${file.replace(/^.*\//, '')} ${field}: ${message}`)
    }
    throw error
  }
  return []
}

test('every operation becomes a route below the prefix, and what the document does not have is 404', async (t) => {
  const { url, backend } = await startApiGateway(
    t,
    apiDocument({
      '/pets': { get: ok, post: ok },
      '/pets/{pet-id}': {
        get: { ...ok, parameters: [{ name: 'pet-id', in: 'path', required: true, schema: { type: 'integer' } }] },
      },
      '/files/{name}.{ext}': {
        get: {
          ...ok,
          parameters: ['name', 'ext'].map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } })),
        },
      },
      '/jobs/{id}:cancel': {
        post: { ...ok, parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }] },
      },
    }),
    { prefix: '/store', stripPrefix: true },
  )
  const ask = async (method: string, path: string) => (await fetch(url + path, { method })).status
  assert.equal(await ask('GET', '/store/pets'), 200)
  assert.equal(await ask('HEAD', '/store/pets'), 200)
  assert.equal(await ask('GET', '/store/pets/5'), 200)
  assert.equal(await ask('GET', '/store/pets/five'), 400)
  assert.equal(await ask('GET', '/store/files/report.pdf'), 200)
  assert.equal(await ask('POST', '/store/jobs/7:cancel'), 200)
  assert.equal(await ask('POST', '/store/jobs/7:stop'), 404)
  assert.equal(await ask('DELETE', '/store/pets'), 405)
  assert.equal(await ask('GET', '/store/toys'), 404)
  assert.deepEqual(
    backend.received.map(({ method, url }) => `${method} ${url}`),
    ['GET /pets', 'HEAD /pets', 'GET /pets/5', 'GET /files/report.pdf', 'POST /jobs/7:cancel'],
  )
})

test('an operation that cannot be forwarded is left out, which its document notes', async (t) => {
  const { app } = await startApiGateway(t, apiDocument({ '/a': { get: ok, trace: ok } }))
  assert.deepEqual(
    app.routeTable.rows.filter(({ upstream }) => upstream === 'api').map(({ method }) => method),
    ['GET'],
  )
  assert.match([...app.apis][0]!.document.notes.join(), /TRACE is never forwarded/)
})

test('paths that the document does not have are forwarded when the upstream says so', async (t) => {
  const { url, backend } = await startApiGateway(t, apiDocument({ '/pets': { get: ok } }), { passThrough: true })
  assert.equal((await fetch(`${url}/toys?a=1`)).status, 200)
  assert.equal(backend.received[0]!.url, '/toys?a=1')
})

test('security of the document is that of the gateway where it is mapped, scopes included', async (t) => {
  const document = apiDocument(
    {
      '/read': { get: { ...ok, security: [{ oauth: ['pets:read'] }] } },
      '/both': { get: { ...ok, security: [{ oauth: ['pets:read'], other: [] }] } },
      '/either': { get: { ...ok, security: [{ other: [] }, { oauth: ['pets:write'] }] } },
      '/maybe': { get: { ...ok, security: [{}, { oauth: [] }] } },
      '/open': { get: { ...ok, security: [] } },
      '/default': { get: ok },
    },
    {
      security: [{ oauth: ['pets:admin'] }],
      components: {
        securitySchemes: {
          oauth: { type: 'http', scheme: 'bearer' },
          other: { type: 'apiKey', in: 'header', name: 'x-key' },
        },
      },
    },
  )
  const { url, app } = await startApiGateway(
    t,
    document,
    {
      auth: undefined,
      openapi: {
        document: 'api.json',
        security: { oauth: { jwt: { scopes: ['pets'] } }, other: { apiKey: {} } },
        unsecured: 'none',
      },
    },
    { config: { jwt, apiKeys: { keys: [] } } },
  )
  const status = async (path: string, headers = {}) => (await fetch(url + path, { headers })).status
  assert.equal(await status('/read'), 401)
  assert.equal(await status('/read', bearer('pets')), 403)
  assert.equal(await status('/read', bearer('pets', 'pets:read')), 200)
  assert.equal(await status('/default', bearer('pets', 'pets:read')), 403)
  assert.equal(await status('/default', bearer('pets', 'pets:admin')), 200)
  assert.equal(await status('/maybe'), 200)
  assert.equal(await status('/open'), 200)
  const authOf = (path: string) => app.routeTable.rows.find((row) => row.path === path)!.auth
  assert.deepEqual(authOf('/both'), { all: [{ jwt: { scopes: ['pets', 'pets:read'] } }, { apiKey: {} }] })
  assert.deepEqual(authOf('/either'), [{ apiKey: {} }, { jwt: { scopes: ['pets', 'pets:write'] } }])
  assert.deepEqual(authOf('/maybe'), { optional: [{ jwt: { scopes: ['pets'] } }] })
})

test('nothing is open because a document says so', async (t) => {
  const open = apiDocument({ '/a': { get: { ...ok, security: [] } }, '/b': { get: ok } })
  assert.deepEqual(await problemsOf(t, open), [
    "api.json auth: missing: state who may call, here or for the whole upstream: { jwt: { scopes: [...] } }, or 'none' for everybody. The document says nothing that openapi.security maps about GET /a, GET /b",
  ])
  const optional = await startApiGateway(
    t,
    apiDocument(
      { '/a': { get: { ...ok, security: [{}, { oauth: [] }] } } },
      { components: { securitySchemes: { oauth: { type: 'http', scheme: 'bearer' } } } },
    ),
    { auth: undefined, openapi: { document: 'api.json', security: { oauth: { jwt: {} } } } },
    { config: { jwt } },
  )
  assert.equal((await fetch(`${optional.url}/a`)).status, 401)
  const secured = apiDocument(
    {
      '/a': { get: { ...ok, security: [{ key: [] }] } },
      '/b': { get: { ...ok, security: [{ key: [], oauth: [] }, { key: [] }] } },
    },
    {
      components: {
        securitySchemes: {
          key: { type: 'apiKey', in: 'header', name: 'x' },
          oauth: { type: 'http', scheme: 'bearer' },
        },
      },
    },
  )
  const problems = await problemsOf(
    t,
    secured,
    { auth: 'none', openapi: { document: 'api.json', security: { oauth: { jwt: {} } } } },
    { jwt },
  )
  assert.match(
    problems[0]!,
    /^api\.json:\d+ GET \/a: security: the document asks for "key", of which openapi\.security says nothing: map it to a scheme of the gateway \(there are: oauth\)$/,
  )
  const combined = await problemsOf(
    t,
    secured,
    { auth: 'none', openapi: { document: 'api.json', security: { oauth: { jwt: {} }, key: { apiKey: {} } } } },
    { jwt, apiKeys: { keys: [] } },
  )
  assert.match(combined[0]!, /GET \/b: security: the document lets one of several combinations/)
})

test('x-gatehouse fields set what a route may set, and nothing that opens it', async (t) => {
  const { url, app } = await startApiGateway(
    t,
    apiDocument({
      '/a': {
        'x-gatehouse-rate-limit': { max: 1, window: '1 hour' },
        get: ok,
        post: {
          ...ok,
          'x-gatehouse-rate-limit': { max: 2, window: '1 hour' },
          'x-gatehouse-timeouts': { firstByte: '3s' },
        },
      },
      '/cached': { get: { ...ok, 'x-gatehouse-cache': { ttl: '1 minute' } } },
    }),
  )
  assert.equal((await fetch(`${url}/a`)).status, 200)
  assert.equal((await fetch(`${url}/a`)).status, 429)
  assert.equal(
    app.routeTable.rows.find(({ method, path }) => method === 'POST' && path === '/a')!.options.config!.plan!.timeouts
      .firstByte,
    3000,
  )
  await fetch(`${url}/cached`)
  assert.match((await fetch(`${url}/cached`)).headers.get('cache-status')!, /hit/)

  const wrong = apiDocument({
    '/a': {
      get: {
        ...ok,
        'x-gatehouse-ratelimit': {},
        'x-gatehouse-auth': 'none',
        'x-gatehouse-rate-limit': false,
        'x-gatehouse-timeouts': { firstByte: 'soon' },
      },
    },
  })
  const problems = await problemsOf(t, wrong, { auth: 'none' })
  assert.equal(problems.length, 4)
  assert.match(problems.join('\n'), /x-gatehouse-ratelimit: unknown, did you mean x-gatehouse-rate-limit\?/)
  assert.match(problems.join('\n'), /x-gatehouse-auth: unknown, allowed: x-gatehouse-rate-limit/)
  assert.match(
    problems.join('\n'),
    /x-gatehouse-rate-limit: found false, which only a route of the upstream file may say/,
  )
  assert.match(problems.join('\n'), /x-gatehouse-timeouts\.firstByte: found "soon"/)
})

test('a document lifts no limit, and opens nothing that its security lets be left out', async (t) => {
  const { url } = await startApiGateway(
    t,
    apiDocument({ '/a': { get: { ...ok, 'x-gatehouse-rate-limit': { max: 1_000_000, window: '1 hour' } } } }),
    { rateLimit: { max: 1, window: '1 hour' } },
  )
  assert.equal((await fetch(`${url}/a`)).status, 200)
  assert.equal((await fetch(`${url}/a`)).status, 429)
  const own = await startApiGateway(
    t,
    apiDocument({ '/a': { get: { ...ok, 'x-gatehouse-rate-limit': { max: 1, window: '1 hour' } } } }),
    {
      rateLimit: { max: 1, window: '1 hour' },
      routes: [{ method: 'GET', url: '/a', rateLimit: { max: 3, window: '1 hour' } }],
    },
  )
  for (const status of [200, 200, 200, 429]) assert.equal((await fetch(`${own.url}/a`)).status, status)

  const upload = apiDocument({
    '/a': {
      post: {
        ...ok,
        requestBody: { content: { 'application/json': { schema: {} } } },
        'x-gatehouse-body-limit': '2MiB',
      },
    },
  })
  assert.match(
    (await problemsOf(t, upload, { auth: 'none' })).join(),
    /x-gatehouse-body-limit: found "2MiB", and upstream and gateway accept 1048576 bytes/,
  )
  assert.deepEqual(await problemsOf(t, upload, { auth: 'none', bodyLimit: '2MiB' }), [])

  const maybe = apiDocument(
    { '/a': { get: { ...ok, security: [{ oauth: [] }, {}] } } },
    { components: { securitySchemes: { oauth: { type: 'http', scheme: 'bearer' } } } },
  )
  const security = { oauth: { jwt: {} } }
  for (const [upstream, status] of [
    [{ auth: { jwt: {} }, openapi: { document: 'api.json', security } }, 401],
    [{ auth: { jwt: {} }, openapi: { document: 'api.json', security, unsecured: 'none' } }, 200],
    [{ openapi: { document: 'api.json', security } }, 200],
  ] as const) {
    assert.equal(
      (await fetch(`${(await startApiGateway(t, maybe, upstream, { config: { jwt } })).url}/a`)).status,
      status,
      JSON.stringify(upstream),
    )
  }
})

test('a path that is another one written otherwise, and one that never arrives, are problems', async (t) => {
  const twice = await problemsOf(t, apiDocument({ '/ab': { get: ok }, '/%61b': { get: { ...ok } } }), { auth: 'none' })
  assert.match(twice.join(), /^api\.json:\d+ GET \/%61b: the path is the same as \/ab, written otherwise/)
  for (const path of ['/a;b', '/a\\b', '/a\nb', '/a%0Ab']) {
    assert.match(
      (await problemsOf(t, apiDocument({ [path]: { get: ok } }), { auth: 'none' })).join(),
      /never arrive|refuses (?:in )?paths/,
      path,
    )
  }
})

test('a route of the file goes before its operation, field by field', async (t) => {
  const { url, backend, app } = await startApiGateway(
    t,
    apiDocument({
      '/pets/{petId}': {
        parameters: [{ name: 'petId', in: 'path', required: true, schema: { type: 'integer' } }],
        get: {
          ...ok,
          operationId: 'readPet',
          parameters: [{ name: 'limit', in: 'query', schema: { type: 'integer' } }],
        },
        delete: ok,
      },
    }),
    {
      routes: [
        {
          method: ['GET', 'PATCH'],
          url: '/pets/:petId',
          rewritePath: '/v2/pets/:petId',
          schema: { querystring: { type: 'object', properties: { limit: { type: 'string', maxLength: 3 } } } },
        },
        { method: 'GET', url: '/pets', auth: 'none' },
      ],
    },
  )
  assert.equal((await fetch(`${url}/pets/5?limit=abc`)).status, 200)
  assert.equal((await fetch(`${url}/pets/5?limit=abcd`)).status, 400)
  assert.equal((await fetch(`${url}/pets/x`)).status, 400)
  assert.equal((await fetch(`${url}/pets/x`, { method: 'PATCH' })).status, 200)
  assert.equal((await fetch(`${url}/pets/x`, { method: 'DELETE' })).status, 400)
  assert.deepEqual(
    backend.received.map(({ method, url }) => `${method} ${url}`),
    ['GET /v2/pets/5?limit=abc', 'PATCH /v2/pets/x'],
  )
  const rows = app.routeTable.rows
    .filter(({ upstream }) => upstream === 'api')
    .map(({ method, path }) => `${method} ${path}`)
  assert.deepEqual(rows.sort(), ['DELETE /pets/:petId', 'GET /pets', 'GET /pets/:petId', 'PATCH /pets/:petId'])
})

test('a route of the file names the parameters as the document does, and states who may call where it goes before nothing', async (t) => {
  const document = apiDocument(
    {
      '/pets/{id}': {
        get: {
          ...ok,
          security: [{ key: [] }],
          parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }],
        },
      },
    },
    { components: { securitySchemes: { key: { type: 'apiKey', in: 'header', name: 'x' } } } },
  )
  const problems = await problemsOf(
    t,
    document,
    {
      openapi: { document: 'api.json', security: { key: { apiKey: {} } } },
      routes: [
        { method: 'GET', url: '/pets/:pet' },
        { method: 'GET', url: '/toys' },
      ],
    },
    { apiKeys: { keys: [] } },
  )
  assert.equal(problems.length, 2)
  assert.match(
    problems[0]!,
    /api\.json routes\[0\]\.url: found "\/pets\/:pet", whose parameters the document names otherwise: use "\/pets\/:id"/,
  )
  assert.match(problems[1]!, /api\.json routes\[1\]\.auth: missing: state who may call/)
})

test('two operations on one path and method are a problem that names both files', async (t) => {
  const document = apiDocument({
    '/pets/{id}': {
      get: { ...ok, parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }] },
    },
  })
  const other = {
    name: 'other',
    auth: 'none',
    targets: ['http://127.0.0.1:9'],
    routes: [{ method: 'GET', url: '/pets/:pet' }],
  }
  const problems = await problemsOf(t, document, { auth: 'none' }, {}, { 'z-other.json': other })
  assert.equal(problems.length, 1)
  assert.match(problems[0]!, /z-other\.json routes\[0\]: GET \/pets\/:pet is declared in .*api\.json too/)
})

test('a document that is not there, and settings that have no effect, are problems of their files', async (t) => {
  const none = await problemsOf(t, {}, { auth: 'none', openapi: 'orders.yaml' })
  assert.equal(none.length, 1)
  assert.match(none[0]!, /orders\.yaml/)
  const files = {
    'a.json': {
      name: 'a',
      auth: 'none',
      targets: ['http://127.0.0.1:9'],
      requestValidation: 'report',
      routes: [{ method: 'GET', url: '/', requestValidation: 'off' }],
    },
  }
  await assert.rejects(
    buildApp(await apiConfig(t, files, {})),
    /a\.json: requestValidation: has an effect with openapi only[^]*routes\[0\]\.requestValidation: has an effect with openapi only/,
  )
  const useless = await problemsOf(t, apiDocument({}), {
    auth: 'none',
    openapi: { document: 'api.json', unsecured: 'none', refresh: '1h' },
  })
  assert.match(useless.join('\n'), /openapi\.unsecured: has an effect with openapi\.security only/)
  assert.match(useless.join('\n'), /openapi\.refresh: has an effect on documents of a URL only/)
})

test('examples may stand in other files: they answer, and the documentation has them', async (t) => {
  const examples = { a: { $ref: 'examples.yaml' }, b: { $ref: '#/components/examples/own' } }
  const document = apiDocument(
    { '/a': { get: { responses: { 200: { description: '', content: { 'application/json': { examples } } } } } } },
    { components: { examples: { own: { value: 2 } } } },
  )
  const upstream = { name: 'api', auth: 'none', mock: true, openapi: 'api.json' }
  const { url } = await listening(
    t,
    await buildApp(
      await apiConfig(t, { 'api.json': upstream }, { 'api.json': document, 'examples.yaml': 'value: 1\n' }),
    ),
  )
  assert.equal(await (await fetch(`${url}/a`)).text(), '1')
  assert.equal(await (await fetch(`${url}/a`, { headers: { prefer: 'example=b' } })).text(), '2')
  const published = (await (await fetch(`${url}/docs/json`)).json()) as any
  // beside the examples of the gateway's own errors
  const own = Object.entries(published.components.examples).filter(([name]) => !name.startsWith('GW_'))
  assert.deepEqual(Object.fromEntries(own), { 'api.examples': { value: 1 }, 'api.own': { value: 2 } })
})
