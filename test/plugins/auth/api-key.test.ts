import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import type { FastifyInstance } from 'fastify'
import apiKey from '../../../plugins/auth/api-key.ts'
import type { ConfigInput } from '../../../src/config/config-schema.ts'
import { RedisKeyStorage } from '../../../src/cli/redis-key-storage.ts'
import { needsRedis, startRedis, stopRedis, unhurried } from '../../redis/redis-server.ts'
import { closedPort, startBackend } from '../../support/backend.ts'
import { runCommand } from '../../support/command.ts'
import { startGateway } from '../../support/gateway.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import { stageApp } from './stage-app.ts'

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

/** The stages with a route that wants a key, and the lines of the log. */
async function start(t: TestContext, config: ConfigInput) {
  const lines: string[] = []
  const waiting = new Set<() => void>()
  const app = await stageApp(t, {
    config,
    log: {
      write(line) {
        lines.push(line)
        for (const look of waiting) look()
      },
    },
  })
  await app.register(apiKey)
  app.get('/x', { config: { auth: { apiKey: {} } } }, (request) => request.consumer!.id)
  const logged = (pattern: RegExp): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (!lines.some((line) => pattern.test(line))) return
        waiting.delete(look)
        resolve()
      }
      waiting.add(look)
      look()
    })
  return {
    app,
    lines,
    logged,
    ask: (key: string, remoteAddress = '192.0.2.1') =>
      app.inject({ url: '/x', headers: { 'x-api-key': key }, remoteAddress }),
  }
}

test('over the wire: who may, who may not, and the upstream never sees a key', async (t) => {
  const backend = await startBackend(t)
  const { url } = await startGateway(
    t,
    {
      'a.json': {
        name: 'a',
        targets: [backend.url],
        auth: { apiKey: { scopes: ['a:read'] } },
        identityHeaders: { 'x-user': 'sub', 'x-scopes': 'scope', 'x-key': 'keyId' },
        routes: [
          { method: 'GET', url: '/read' },
          { method: 'GET', url: '/write', auth: { apiKey: { scopes: ['a:write'] } } },
        ],
      },
    },
    {
      apiKeys: {
        query: 'key',
        cookie: 'key',
        keys: [
          { name: 'ada', id: 'k1', sha256: sha256('one'), scopes: ['a:read'] },
          { name: 'far', sha256: sha256('far'), scopes: ['a:read'], addresses: ['10.0.0.0/8'] },
        ],
      },
    },
  )
  const ask = (path: string, headers: Record<string, string> = {}) => fetch(url + path, { headers })
  assert.equal((await ask('/read', { 'X-API-Key': 'one' })).status, 200)
  assert.equal((await ask('/read?a=1&key=one&b=2')).status, 200)
  assert.equal((await ask('/read', { cookie: 'a=1; key=one; b=2' })).status, 200)
  for (const { headers } of backend.received) {
    assert.deepEqual(
      [headers['x-user'], headers['x-scopes'], headers['x-key'], headers['x-api-key']],
      ['ada', 'a:read', 'k1', undefined],
    )
  }
  assert.equal(backend.received[1]!.url, '/read?a=1&b=2')
  assert.equal(backend.received[2]!.headers.cookie, 'a=1; b=2')
  assert.equal((await ask('/write', { 'x-api-key': 'one' })).status, 403)
  const answers = new Set<string>()
  for (const headers of [{}, { 'x-api-key': 'two' }, { 'x-api-key': 'far' }] as Record<string, string>[]) {
    const response = await ask('/read', headers)
    const { requestId, ...problem } = (await response.json()) as Record<string, unknown>
    answers.add(JSON.stringify([response.status, response.headers.get('www-authenticate'), problem]))
  }
  assert.equal(answers.size, 1)
  assert.match([...answers][0]!, /^\[401,"ApiKey realm=\\"gatehouse\\"",.*GW_UNAUTHORIZED/)
  assert.equal(backend.received.length, 3)
})

test('who guesses is stopped, and does not stop a key that has been used from there', async (t) => {
  const { ask } = await start(t, {
    failedAttempts: { max: 3, window: '1 minute' },
    apiKeys: {
      keys: [
        { name: 'ada', sha256: sha256('one') },
        { name: 'bob', sha256: sha256('two') },
      ],
    },
  })
  assert.equal((await ask('one')).statusCode, 200)
  for (let i = 0; i < 3; i++) assert.equal((await ask(`guess${i}`)).statusCode, 401)
  assert.equal((await ask('guess')).statusCode, 429)
  assert.equal((await ask('two')).statusCode, 429, 'not even a right one')
  assert.equal((await ask('one')).statusCode, 200)
  assert.equal((await ask('two', '192.0.2.2')).statusCode, 200)
})

test('a changed file of keys is taken over, a broken one is not', { timeout: 120_000 }, async (t) => {
  const entry = (key: string): string => JSON.stringify({ name: key, sha256: sha256(key) })
  const file = join(temporaryFolder(t, { 'keys.json': `[${entry('one')}]` }), 'keys.json')
  const put = (text: string): void => {
    writeFileSync(`${file}.tmp`, text)
    renameSync(`${file}.tmp`, file)
  }
  const { ask, lines, logged } = await start(t, { apiKeys: { file } })
  assert.deepEqual([(await ask('one')).body, (await ask('two')).statusCode], ['one', 401])
  put(`[${entry('two')}]`)
  await logged(/took over the changed file/)
  assert.deepEqual([(await ask('one')).statusCode, (await ask('two')).body], [401, 'two'])
  put(`[{ "name": "x", "sha256": "${sha256('x').slice(1)}" }]`)
  await logged(/everything stays as it was/)
  assert.equal((await ask('two')).body, 'two')
  assert.ok(!lines.join('').includes(sha256('x').slice(1)), 'no hash in the log')
})

test('mistakes of the configuration stop the boot', async (t) => {
  const file = join(temporaryFolder(t, { 'keys.yaml': '- name: x\n' }), 'keys.yaml')
  const keys = [{ name: 'x', sha256: sha256('x') }]
  for (const [config, message] of [
    [{ apiKeys: {} }, /apiKeys: has no keys/],
    [{ apiKeys: { redis: true } }, /apiKeys\.redis: is true, but there is no Redis/],
    [{ apiKeys: { keys, header: false } }, /apiKeys\.header: is false, and there is no other place/],
    [{ apiKeys: { file } }, /keys\.yaml:1: \[0\]\.sha256: is missing/],
    [{ apiKeys: { file: `${file}.gone.yaml` } }, /no such file/],
    [{ apiKeys: { keys: [...keys, ...keys] } }, /apiKeys\.keys\[1\]\.sha256: stands here a second time/],
  ] as const) {
    const app = await stageApp(t, { config: config as ConfigInput })
    await assert.rejects(
      async () => app.register(apiKey),
      (error: Error) => error.name === 'BootProblems' && message.test(error.message),
      String(message),
    )
  }
  const app = await stageApp(t)
  await app.register(apiKey)
  assert.throws(
    () => app.get('/x', { config: { auth: { apiKey: {} } } }, () => 'x'),
    /asks for apiKey, which is not configured: set apiKeys\.keys/,
  )
})

async function connected(app: FastifyInstance): Promise<void> {
  await app.ready()
  if (app.redis!.status === 'wait') app.redis!.connect().catch(() => {})
  if (app.redis!.status !== 'ready') {
    await new Promise<void>((resolve) => {
      app.redis!.once('ready', () => resolve())
    })
  }
}

test('keys in Redis: made and revoked by the command, used, kept through an outage', needsRedis, async (t) => {
  const port = await closedPort()
  const server = await startRedis(t, port)
  const redis = `redis://127.0.0.1:${port}`
  const cwd = temporaryFolder(t, { 'gatehouse.config.json': JSON.stringify({ redis, apiKeys: { redis: true } }) })
  const run = (...words: string[]) => runCommand(t, ['key', ...words], { cwd })
  const { stdout, stderr } = await run('create', '--name', 'ada', '--scopes', 'a:read', '--expires', '90d')
  const key = stdout.trim()
  assert.match(key, /^gh_/)
  assert.match(stderr, /^Stored in Redis as ada \(\w{8}\)/)
  unhurried(t)
  const { app, ask, lines } = await start(t, { redis, apiKeys: { redis: true, refreshAfter: 0 } })
  await connected(app)
  const statusOf = async (text: string): Promise<number> => (await ask(text)).statusCode
  assert.equal(await statusOf(key), 200)
  assert.equal(await statusOf(`${key}x`), 401)

  const lost = new Promise<void>((resolve) => {
    app.redis!.once('close', () => resolve())
  })
  await stopRedis(server)
  await lost
  assert.equal((await ask(key)).statusCode, 200, 'known, in the time of grace')
  const unknown = await ask('other')
  assert.deepEqual(
    [unknown.statusCode, unknown.headers['retry-after'], unknown.json().code],
    [503, '1', 'GW_AUTH_UNAVAILABLE'],
  )
  const back = new Promise<void>((resolve) => {
    app.redis!.once('ready', () => resolve())
  })
  await startRedis(t, port)
  await back
  assert.equal(await statusOf(key), 401, 'this Redis has no keys')
  assert.ok(!lines.join('').includes(key))

  const storage = await RedisKeyStorage.connect(redis)
  await storage.add({ name: 'bob', sha256: sha256('bob') })
  await storage.add({ name: 'eve', sha256: sha256('eve') })
  assert.deepEqual((await storage.list()).map(({ name }) => name).sort(), ['bob', 'eve'])
  await storage.close()
  assert.equal(await statusOf('bob'), 200)
  assert.equal((await run('revoke', 'bob')).stderr, 'Revoked bob in Redis.\n')
  assert.deepEqual([await statusOf('bob'), await statusOf('eve')], [401, 200])
  await app.redis!.hset(
    'gatehouse:api-keys',
    createHash('sha256').update('bad').digest('hex').slice(0, 16),
    '{"name":"x"}',
  )
  assert.equal(await statusOf('bad'), 401)
  assert.match(lines.join(''), /an API key in Redis is not good/)
})

test('the command says when Redis cannot be reached, without the password', async (t) => {
  const cwd = temporaryFolder(t, {
    'gatehouse.config.json': JSON.stringify({
      redis: `redis://:hunter2@127.0.0.1:${await closedPort()}`,
      apiKeys: { redis: true },
    }),
  })
  const { code, stdout, stderr } = await runCommand(t, ['key', 'create', '--name', 'ada'], { cwd })
  assert.deepEqual([code, stdout], [1, ''])
  assert.match(stderr, /^gatehouse: Redis cannot be reached: .*ECONNREFUSED.*\n$/)
  assert.ok(!stderr.includes('hunter2'))
})
