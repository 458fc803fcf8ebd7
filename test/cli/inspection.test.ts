import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { parse } from 'yaml'
import { runCommand } from '../support/command.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const SECRET = 'a-secret-of-at-least-32-characters!'
const env = { GATEHOUSE_JWT_SECRET: SECRET }

const ORDERS = `import { defineUpstream, Type } from 'gatehouse'
export default defineUpstream({
  name: 'orders', prefix: '/orders', targets: ['http://127.0.0.1:9'],
  auth: { jwt: { scopes: ['orders:read'] } }, rateLimit: { max: 100, window: '1 minute' },
  routes: [
    { method: 'GET', url: '/:id', schema: { params: Type.Object({ id: Type.Integer() }), summary: 'One order' } },
    { method: 'POST', url: '/', auth: 'none', schema: { body: Type.Object({ item: Type.String() }) } },
  ],
})
`
const folder = (t: TestContext): string => temporaryFolder(t, { 'routes/orders.ts': ORDERS })

test('check says that all is right', async (t) => {
  const { code, stdout, stderr } = await runCommand(t, ['check'], { cwd: folder(t), env })
  assert.equal(stderr, '')
  assert.equal(code, 0)
  assert.equal(stdout, 'configuration, 2 routes of 1 file and documents are right\n')
})

test('check and routes tell what a pass-through leaves to the routes of another file', async (t) => {
  const cwd = temporaryFolder(t, {
    'routes/all.json': '{ "name": "all", "targets": ["http://127.0.0.1:9"], "auth": "none", "passThrough": true }',
    'routes/orders.ts': ORDERS,
  })
  const { code, stdout } = await runCommand(t, ['check'], { cwd, env })
  assert.equal(code, 0)
  assert.match(
    stdout,
    /documents are right\nnote: routes\/all\.json: \* \/\* does not answer other spellings or methods of [^\n]*GET \/orders\/:id \(routes\/orders\.ts: [^)]*auth/,
  )
  assert.match(
    (await runCommand(t, ['routes'], { cwd, env })).stdout,
    /^\* .* \/\* \[websocket\] \[leaves \w+ \/orders.* and 2 more\]/m,
  )
})

test('check prints every problem of every route file', async (t) => {
  const cwd = temporaryFolder(t, {
    'routes/a.json':
      '{ "name": "a", "targets": ["http://a"], "auth": "none", "routes": [{ "metod": "GET", "url": "/" }] }',
    'routes/b.ts': 'export default 5',
  })
  const { code, stdout, stderr } = await runCommand(t, ['check'], { cwd })
  assert.equal(code, 1)
  assert.equal(stdout, '')
  const lines = stderr.trimEnd().split('\n')
  assert.ok(lines.includes('routes/a.json: routes[0].metod: unknown key, did you mean "method"?'), stderr)
  assert.ok(
    lines.some((line) => line.startsWith('routes/b.ts: ')),
    stderr,
  )
  assert.doesNotMatch(stderr, / at /)
})

test('a folder of routes that is not there is one line', async (t) => {
  const { code, stderr } = await runCommand(t, ['check', '--routes', 'elsewhere'], { cwd: temporaryFolder(t) })
  assert.equal(code, 1)
  assert.match(stderr, /^[^\n]*elsewhere[^\n]*\n$/)
})

test('routes prints an aligned table', async (t) => {
  const { code, stdout, stderr } = await runCommand(t, ['routes'], { cwd: folder(t), env })
  assert.equal(stderr, '')
  assert.equal(code, 0)
  assert.deepEqual(
    stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.split(/ {2,}/)),
    [
      ['METHOD', 'HOST', 'PATH', 'UPSTREAM', 'AUTH', 'LIMIT', 'CACHE', 'SCHEMA', 'FILE'],
      ['GET', '*', '/orders/:id', 'orders', 'jwt(orders:read)', '100/min', '-', 'params', 'routes/orders.ts'],
      ['POST', '*', '/orders', 'orders', 'none', '100/min', '-', 'body', 'routes/orders.ts'],
    ],
  )
})

test('routes --json prints the same for programs', async (t) => {
  const { stdout } = await runCommand(t, ['routes', '--json', '--routes', 'routes'], { cwd: folder(t), env })
  const rows = JSON.parse(stdout) as Record<string, unknown>[]
  assert.deepEqual(
    rows.map(({ method, path, upstream, auth }) => ({ method, path, upstream, auth })),
    [
      { method: 'GET', path: '/orders/:id', upstream: 'orders', auth: { jwt: { scopes: ['orders:read'] } } },
      { method: 'POST', path: '/orders', upstream: 'orders', auth: 'none' },
    ],
  )
})

test('explain tells what would be done', async (t) => {
  const { code, stdout, stderr } = await runCommand(
    t,
    ['explain', 'get', '/orders/1?a=b', '-H', 'accept: text/plain', '-H', 'x-a: b'],
    { cwd: folder(t), env },
  )
  assert.equal(stderr, '')
  assert.equal(code, 0)
  assert.match(stdout, /^GET \/orders\/1\?a=b/)
  assert.match(stdout, /orders:read/)
  assert.equal(stdout.trimEnd().split('\n').at(-1), '→ answered 401 GW_UNAUTHORIZED')
})

test('what there is can be seen without the key, which only check and start need', async (t) => {
  const cwd = temporaryFolder(t, {
    'routes/orders.ts': ORDERS,
    'gatehouse.config.json': '{ "jwt": { "issuer": "me", "algorithms": ["RS256"] } }',
  })
  const table = await runCommand(t, ['routes'], { cwd })
  assert.deepEqual([table.code, table.stderr, table.stdout.trimEnd().split('\n').length], [0, '', 3])
  const document = await runCommand(t, ['openapi'], { cwd })
  assert.deepEqual(
    [document.code, document.stderr, Object.keys(JSON.parse(document.stdout).paths)],
    [0, '', ['/orders/{id}', '/orders']],
  )
  const told = await runCommand(t, ['explain', 'GET', '/orders/1', '-H', 'authorization: Bearer a.b.c'], { cwd })
  assert.deepEqual(
    [told.code, told.stderr],
    [0, 'explain: no key is configured here, so that every token counts as invalid\n'],
  )
  assert.match(told.stdout, /→ answered 401 GW_UNAUTHORIZED\n$/)
  const { code, stdout, stderr } = await runCommand(t, ['check'], { cwd: folder(t) })
  assert.deepEqual(
    [code, stdout, stderr],
    [
      1,
      '',
      'routes/orders.ts: auth: asks for jwt, which is not configured: set GATEHOUSE_JWT_SECRET or GATEHOUSE_JWT_PUBLIC_KEY (with _FILE at the end, the name of a file that has it), or GATEHOUSE_JWT_JWKS_URI\n',
    ],
  )
})

test('openapi prints the document, or writes it in the format of the name', async (t) => {
  const cwd = folder(t)
  const { code, stdout } = await runCommand(t, ['openapi'], { cwd, env: { ...env, GATEHOUSE_DOCS: 'false' } })
  assert.equal(code, 0)
  const document = JSON.parse(stdout)
  assert.ok(document.paths['/orders/{id}'].get)
  assert.deepEqual(await runCommand(t, ['openapi', '--out', 'api.yaml'], { cwd, env }), {
    code: 0,
    stdout: '',
    stderr: '',
  })
  assert.deepEqual(parse(readFileSync(join(cwd, 'api.yaml'), 'utf8')).paths, document.paths)
  await runCommand(t, ['openapi', '-o', 'api.json'], { cwd, env })
  assert.deepEqual(JSON.parse(readFileSync(join(cwd, 'api.json'), 'utf8')).paths, document.paths)
  const single = JSON.parse((await runCommand(t, ['openapi', '--upstream', 'orders'], { cwd, env })).stdout) as {
    info: object
    paths: object
  }
  assert.deepEqual(single.info, { title: 'orders', version: '1.0.0' })
  assert.deepEqual(Object.keys(single.paths), ['/orders/{id}', '/orders'])
  assert.deepEqual(await runCommand(t, ['openapi', '--upstream', 'users'], { cwd, env }), {
    code: 1,
    stdout: '',
    stderr: 'gatehouse: no document of "users", there is one of orders\n',
  })
  assert.deepEqual(await runCommand(t, ['openapi', '--out', 'no/such/api.yaml'], { cwd, env }), {
    code: 1,
    stdout: '',
    stderr: 'gatehouse: no/such/api.yaml cannot be written: no such file\n',
  })
})

test('token prints a token and nothing else', async (t) => {
  const { code, stdout, stderr } = await runCommand(
    t,
    [
      'token',
      '--sub',
      'ada',
      '--scopes',
      'orders:read, orders:write',
      '--expires',
      '15m',
      '--claim',
      'tenant=acme',
      '--claim',
      'level=3',
    ],
    { cwd: temporaryFolder(t), env },
  )
  assert.equal(stderr, '')
  assert.equal(code, 0)
  assert.match(stdout, /^[\w-]+\.[\w-]+\.[\w-]+\n$/)
  const claims = JSON.parse(Buffer.from(stdout.split('.')[1]!, 'base64url').toString())
  assert.equal(claims.sub, 'ada')
  assert.equal(claims.scope, 'orders:read orders:write')
  assert.equal(claims.tenant, 'acme')
  assert.equal(claims.level, 3)
  assert.equal(claims.exp - claims.iat, 15 * 60)
})

test('token without a key says what is missing', async (t) => {
  const { code, stdout, stderr } = await runCommand(t, ['token'], { cwd: temporaryFolder(t) })
  assert.equal(code, 1)
  assert.equal(stdout, '')
  assert.equal(
    stderr,
    'gatehouse: there is no key to sign with: set jwt.secret in the configuration, or GATEHOUSE_JWT_SECRET\n',
  )
})

test('token with public keys alone refuses, as does a lifetime that is none', async (t) => {
  const { publicKey } = generateKeyPairSync('ed25519', {
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
  const cwd = temporaryFolder(t, { 'public.pem': publicKey })
  const refused = await runCommand(t, ['token'], { cwd, env: { GATEHOUSE_JWT_PUBLIC_KEY_FILE: 'public.pem' } })
  assert.equal(refused.code, 1)
  assert.equal(refused.stdout, '')
  assert.match(refused.stderr, /^[^\n]*jwt[^\n]*\n$/)
  for (const [words, line] of [
    [['--expires', '0'], '--expires: found 0, allowed: at least 1 second'],
    [['--expires', '500ms'], '--expires: found "500ms", allowed: at least 1 second'],
    [['--claim', 'exp=5'], '--claim exp=... is not taken: state --expires instead'],
    [['--claim', 'iat=5'], '--claim iat=... is not taken: the time of signing is stated in any case'],
    [['--claim', 'nbf=soon'], '--claim nbf: found "soon", allowed: seconds since 1970'],
  ] as const) {
    assert.deepEqual(await runCommand(t, ['token', ...words], { cwd, env }), {
      code: 1,
      stdout: '',
      stderr: `gatehouse: ${line}\n`,
    })
  }
  const { code, stderr } = await runCommand(t, ['token', '--expires', 'soon'], { cwd, env })
  assert.equal(code, 1)
  assert.equal(
    stderr,
    'gatehouse: --expires: found "soon", allowed: duration (milliseconds, or text such as "30s", "1 minute")\n',
  )
})

test('a reader that stops early is no error', async (t) => {
  const { spawnSync } = await import('node:child_process')
  const result = spawnSync(
    'sh',
    [
      '-c',
      `"${process.execPath}" "${new URL('../../bin/gatehouse.js', import.meta.url).pathname}" openapi | head -c 1`,
    ],
    { cwd: folder(t), env: { ...process.env, ...env }, encoding: 'utf8' },
  )
  assert.equal(result.stderr, '')
  assert.equal(result.stdout, '{')
})
