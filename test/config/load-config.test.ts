import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { loadConfig, type ConfigSource } from '../../src/config/load-config.ts'
import { BootProblems } from '../../src/errors.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const SECRET = 'a-secret-of-at-least-32-characters!'

async function problems(source: Partial<ConfigSource> & { cwd: string }): Promise<string[]> {
  try {
    await loadConfig({ env: {}, ...source })
  } catch (error) {
    assert.ok(error instanceof BootProblems, String(error))
    return error.problems.map(({ file, field, message }) => [file, field, message].filter(Boolean).join(': '))
  }
  return []
}

test('without anything, everything has its default', async (t) => {
  const cwd = temporaryFolder(t)
  const config = await loadConfig({ env: {}, cwd })
  assert.deepEqual(config, {
    host: '127.0.0.1',
    port: 3000,
    routes: join(cwd, 'routes'),
    openapi: join(cwd, 'openapi'),
    trustProxy: [],
    failedAttempts: { max: 100, window: '1 minute' },
    limits: { onFailure: 'open' },
    cache: { memory: '64MiB', inFlight: '32MiB', redis: false, purge: false },
    bodyLimit: '1MiB',
    bodyMemory: '64MiB',
    timeouts: { connect: '5s', firstByte: '60s', idle: '60s' },
    via: 'gatehouse',
    forwardMethodOverride: false,
    sendRealIp: false,
    docs: { path: '/docs', hideScopes: [] },
    metrics: false,
    status: false,
    welcome: false,
    log: { level: 'info', format: 'auto', access: true },
    listener: {
      maxHeaderSize: '16KiB',
      headersTimeout: '15s',
      requestTimeout: 0,
      bodyIdleTimeout: '30s',
      minBodyRate: '1KiB',
      keepAliveTimeout: '72s',
    },
    shutdown: { delay: 0, timeout: '30s' },
    baseDir: cwd,
  })
})

test('options win over the environment, that over the file, that over the defaults', async (t) => {
  const cwd = temporaryFolder(t, {
    'gatehouse.config.yaml': 'host: file\nport: 1\nvia: file\nlog: { level: warn, access: false }',
  })
  const config = await loadConfig({
    cwd,
    env: { GATEHOUSE_HOST: 'environment', GATEHOUSE_PORT: '2', GATEHOUSE_LOG_LEVEL: 'debug' },
    overrides: { port: '3' },
  })
  assert.equal(config.port, 3)
  assert.equal(config.host, 'environment')
  assert.equal(config.via, 'file')
  assert.deepEqual(config.log, { level: 'debug', access: false, format: 'auto' })
})

test('folders start at the configuration file, those of options at the working directory', async (t) => {
  const cwd = temporaryFolder(t, { 'etc/own.json': '{ "routes": "apis" }', 'documents/gateway.yaml': '' })
  const config = await loadConfig({ cwd, env: { GATEHOUSE_OPENAPI: '../documents' }, file: 'etc/own.json' })
  assert.equal(config.baseDir, join(cwd, 'etc'))
  assert.equal(config.routes, join(cwd, 'etc/apis'))
  assert.equal(config.openapi, join(cwd, 'documents'))
  const overridden = await loadConfig({ cwd, env: {}, file: 'etc/own.json', overrides: { routes: 'here' } })
  assert.equal(overridden.routes, join(cwd, 'here'))
})

test('a folder of documents that was stated and is not there is a problem, one that was not stated is none', async (t) => {
  const cwd = temporaryFolder(t, { 'a.json': '{\n"openapi": "documents" }', 'b.json': '{}', documents: 'a file' })
  const wrong = ', which is no folder here, allowed: a folder that exists, or nothing'
  await assert.rejects(loadConfig({ cwd, env: {}, file: 'a.json' }), {
    message: `a.json:2: openapi: found "documents"${wrong}`,
  })
  await assert.rejects(loadConfig({ cwd, env: { GATEHOUSE_OPENAPI: '/no/such' } }), {
    message: `GATEHOUSE_OPENAPI: found "/no/such"${wrong}`,
  })
  assert.equal((await loadConfig({ cwd, env: {}, file: 'b.json' })).openapi, join(cwd, 'openapi'))
})

test('durations have bounds, and nobody is an issuer without a name', async (t) => {
  const cwd = temporaryFolder(t, {
    'a.json': JSON.stringify({
      timeouts: { idle: '25 days', connect: 2 ** 31, firstByte: 2 ** 31 - 1 },
      rateLimit: { max: 1, window: '0.4ms' },
      shutdown: { delay: -1 },
      jwt: { issuer: '', audience: ['a', ''], secret: 'short' },
      metrics: { path: '/readyz', auth: 'none' },
    }),
    'b.json': JSON.stringify({ rateLimit: { max: 1, window: '30 days' } }),
  })
  const error = await loadConfig({ cwd, env: {}, file: 'a.json' }).then(
    () => null,
    (thrown: Error) => thrown,
  )
  assert.deepEqual(
    error!.message
      .split('\n')
      .map((line) => line.replace('a.json:1: ', ''))
      .sort(),
    [
      'jwt.audience[1]: found "", allowed: non-empty text',
      'jwt.issuer: found "", allowed: non-empty text or non-empty list of non-empty text',
      'jwt.secret: found text of 5 characters (not shown), allowed: text of at least 32 characters',
      'metrics.path: found "/readyz", where the gateway has an answer of its own, allowed: a path of its own',
      'rateLimit.window: found "0.4ms", allowed: at least 1 ms',
      'shutdown.delay: found -1, allowed: duration (milliseconds, or text such as "30s", "1 minute")',
      'timeouts.connect: found 2147483648, allowed: at most 24 days',
      'timeouts.idle: found "25 days", allowed: at most 24 days',
    ],
  )
  assert.ok(await loadConfig({ cwd, env: {}, file: 'b.json' }))
})

test('a configuration that a module exports is not changed', async (t) => {
  const cwd = temporaryFolder(t, {
    'gatehouse.config.mjs':
      'const deep = (o) => (Object.values(o).forEach((v) => typeof v === "object" && deep(v)), Object.freeze(o))\nexport default deep({ log: { level: "warn" }, trustProxy: ["::1"] })',
  })
  const config = await loadConfig({ cwd, env: { GATEHOUSE_LOG_FORMAT: 'json' } })
  assert.deepEqual(config.log, { level: 'warn', format: 'json', access: true })
})

test('every problem of every source comes at once, each with its source', async (t) => {
  const cwd = temporaryFolder(t, {
    'gatehouse.config.yaml':
      'hots: x\nvia: "a b"\nlog:\n  level: loud\ntrustProxy:\n  - 10.0.0.0/8\n  - elsewhere\nport: 7\n',
  })
  assert.deepEqual(
    await problems({
      cwd,
      env: { GATEHOUSE_PORT: 'abc', GATEHOUSE_BANANA: '1', GATEHOUSE_METRICS_PATH: '/m' },
      overrides: { port: 'xyz', host: '' },
    }),
    [
      'GATEHOUSE_BANANA: unknown environment variable, allowed: those that docs/configuration.md lists',
      'gatehouse.config.yaml:1: hots: unknown key, did you mean "host"?',
      '--host: found "", allowed: non-empty text',
      '--port: found "xyz", allowed: integer 0 to 65535',
      'gatehouse.config.yaml:2: via: found "a b", allowed: name of letters, digits and -._~',
      "gatehouse.config.yaml:1: metrics.auth: is missing, allowed: 'none', { jwt: { scopes: [...] } }, a list of schemes (any of them), { all: [schemes] } or { optional: scheme }",
      'gatehouse.config.yaml:4: log.level: found "loud", allowed: one of "trace", "debug", "info", "warn", "error", "fatal", "silent"',
      'gatehouse.config.yaml:7: trustProxy[1]: found "elsewhere", allowed: IP address, or network such as 10.0.0.0/8',
    ],
  )
})

test('the line that the user sees for a wrong type in a module', async (t) => {
  const cwd = temporaryFolder(t, { 'gatehouse.config.ts': 'export default { port: "abc" }' })
  assert.deepEqual(await problems({ cwd }), ['gatehouse.config.ts: port: found "abc", allowed: integer 0 to 65535'])
})

test('a variable is named where it is the variable that is wrong', async (t) => {
  const cwd = temporaryFolder(t)
  assert.deepEqual(await problems({ cwd, env: { GATEHOUSE_PORT: '70000' } }), [
    'GATEHOUSE_PORT: found 70000, allowed: integer 0 to 65535',
  ])
  assert.deepEqual(
    await problems({ cwd, env: { GATEHOUSE_TRUST_PROXY: '10.0.0.1/33,::1/129,fe80::1%eth0,1.2.3,::1' } }),
    ['10.0.0.1/33', '::1/129', 'fe80::1%eth0', '1.2.3'].map(
      (text) => `GATEHOUSE_TRUST_PROXY: found "${text}", allowed: IP address, or network such as 10.0.0.0/8`,
    ),
  )
  assert.deepEqual(await problems({ cwd, env: { GATEHOUSE_METRICS_PATH: '/m' } }), [
    "GATEHOUSE_METRICS_PATH: metrics.auth: is missing, allowed: 'none', { jwt: { scopes: [...] } }, a list of schemes (any of them), { all: [schemes] } or { optional: scheme }",
  ])
})

test('a variable switches a section on, and false switches it off', async (t) => {
  const cwd = temporaryFolder(t, {
    'gatehouse.config.json': '{ "docs": false, "rateLimit": { "max": 1, "window": "1s" } }',
  })
  const config = await loadConfig({
    cwd,
    env: { GATEHOUSE_DOCS_PATH: '/api', GATEHOUSE_METRICS_AUTH: 'none', GATEHOUSE_RATE_LIMIT: 'false' },
  })
  assert.deepEqual(config.docs, { path: '/api', hideScopes: [] })
  assert.deepEqual(config.metrics, { path: '/metrics', auth: 'none' })
  assert.equal(config.rateLimit, false)
  assert.deepEqual((await loadConfig({ cwd, env: { GATEHOUSE_DOCS_AUTH_JWT_SCOPES: 'a,b' } })).docs, {
    path: '/docs',
    auth: { jwt: { scopes: ['a', 'b'] } },
    hideScopes: [],
  })
})

test('two variables that contradict each other', async (t) => {
  const cwd = temporaryFolder(t)
  assert.deepEqual(await problems({ cwd, env: { GATEHOUSE_DOCS: 'false', GATEHOUSE_DOCS_PATH: '/api' } }), [
    'GATEHOUSE_DOCS_PATH: sets a part of what GATEHOUSE_DOCS sets as a whole, allowed: one of the two',
  ])
})

test('a variable does not hide that the file is wrong', async (t) => {
  const cwd = temporaryFolder(t, { 'gatehouse.config.json': '{\n"log": 5 }' })
  assert.deepEqual(await problems({ cwd, env: { GATEHOUSE_LOG_LEVEL: 'warn' } }), [
    'gatehouse.config.json:2: log: found 5, allowed: object with the keys level, format, access',
  ])
})

test('a file that cannot be read hides neither the environment’s problems nor invents others', async (t) => {
  const cwd = temporaryFolder(t, { 'gatehouse.config.yaml': 'a: [' })
  const found = await problems({
    cwd,
    env: { GATEHOUSE_PORT: 'x', GATEHOUSE_METRICS_PATH: '/m', GATEHOUSE_BANANA: '1' },
  })
  assert.equal(found.length, 3)
  assert.match(found[0]!, /^gatehouse\.config\.yaml:1: is not valid YAML/)
  assert.match(found[1]!, /^GATEHOUSE_BANANA: unknown/)
  assert.match(found[2]!, /^GATEHOUSE_PORT: found "x"/)
})

test('a configuration that is no object', async (t) => {
  for (const [text, found] of [
    ['[1]', 'a list'],
    ['5', '5'],
    ['"text"', '"text"'],
  ] as const) {
    const cwd = temporaryFolder(t, { 'gatehouse.config.json': text })
    const [problem] = await problems({ cwd })
    // a secret could be anywhere in it
    assert.match(
      problem!,
      new RegExp(
        `^gatehouse\\.config\\.json:1: found (${found}|text of 4 characters \\(not shown\\)|a number \\(not shown\\)), allowed: object with the keys host, `,
      ),
    )
  }
})

test('secrets come from the environment, from files, and never into a message', async (t) => {
  const cwd = temporaryFolder(t, { secret: `${SECRET}\n`, short: 'hunter2\n' })
  assert.equal((await loadConfig({ cwd, env: { GATEHOUSE_JWT_SECRET: SECRET } })).jwt?.secret, SECRET)
  const config = await loadConfig({
    cwd,
    env: { GATEHOUSE_JWT_SECRET_FILE: 'secret', GATEHOUSE_REDIS: 'redis://me:pw@host:6379' },
  })
  assert.equal(config.jwt?.secret, SECRET)
  assert.equal(config.jwt?.cacheSize, 10_000)
  assert.equal(config.redis, 'redis://me:pw@host:6379')
  assert.deepEqual(
    await problems({ cwd, env: { GATEHOUSE_JWT_SECRET_FILE: 'short', GATEHOUSE_REDIS: 'http://me:hunter2@host' } }),
    [
      'GATEHOUSE_REDIS: found text of 22 characters (not shown), allowed in the environment: URL that starts with redis:// or rediss://, or a part by GATEHOUSE_REDIS_CLUSTER, GATEHOUSE_REDIS_SENTINELS, GATEHOUSE_REDIS_NAME, GATEHOUSE_REDIS_USERNAME, …; all else is stated as "redis" in the configuration file',
      'GATEHOUSE_JWT_SECRET_FILE: found text of 7 characters (not shown), allowed: text of at least 32 characters',
    ],
  )
})

test('a missing setting is told with the variable that sets it', async (t) => {
  const cwd = temporaryFolder(t, { 'gatehouse.config.yaml': 'login: { issuer: "https://x.test", clientId: a }\n' })
  const advice =
    'set GATEHOUSE_LOGIN_SESSION_SECRET or GATEHOUSE_LOGIN_SESSION_SECRET_FILE in the environment, or login.sessionSecret in the configuration file'
  const missing = `login.sessionSecret: is missing, allowed: text of at least 32 characters, or a list of such: ${advice}`
  assert.deepEqual(await problems({ cwd, env: {} }), [`gatehouse.config.yaml:1: ${missing}`])
  assert.deepEqual(await problems({ cwd: temporaryFolder(t), env: { GATEHOUSE_LOGIN_ISSUER: 'https://x.test' } }), [
    'GATEHOUSE_LOGIN_ISSUER: login.clientId: is missing, allowed: non-empty text: set GATEHOUSE_LOGIN_CLIENT_ID in the environment, or login.clientId in the configuration file',
    `GATEHOUSE_LOGIN_ISSUER: ${missing}`,
  ])
})
