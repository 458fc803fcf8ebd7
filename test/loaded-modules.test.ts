import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { temporaryFolder } from './support/temporary-folder.ts'
import { startCommand } from './support/command.ts'

/** What only a feature needs must not be loaded without it: each package costs memory and time at every start. */

const RECORDER = pathToFileURL(fileURLToPath(new URL('support/module-recorder.ts', import.meta.url))).href
const ROOT = new URL('../', import.meta.url).href

interface Feature {
  /** Packages, and files of our own, that are loaded with it. */
  modules: string[]
  config?: object
  upstream?: object
  /** Of the one route. */
  route?: object
  files?: Record<string, string>
}

const SECRET = 'a secret for tests, long enough for HS256'
const requestBody = { content: { 'multipart/form-data': { schema: { type: 'object' } } } }
const post = { requestBody, responses: { 200: { description: 'OK' } } }
const DOCUMENT = { openapi: '3.1.0', info: { title: 'A', version: '1' }, paths: { '/d': { post } } }
const redis = 'redis://127.0.0.1:1'

const FEATURES: Record<string, Feature> = {
  docs: { config: { docs: {} }, modules: ['@fastify/swagger', '@fastify/swagger-ui', '@fastify/static'] },
  metrics: { config: { metrics: { auth: 'none' } }, modules: ['prom-client'] },
  status: {
    config: { status: { auth: 'none' } },
    modules: ['src/admin/explain.ts', 'src/openapi/drift/drift-record.ts'],
  },
  redis: { config: { redis }, modules: ['ioredis', '@fastify/rate-limit', 'src/limits/redis-limit-store.ts'] },
  'a shared cache': { config: { redis, cache: { redis: true } }, modules: ['src/cache/tiered-store.ts'] },
  purging: {
    config: { cache: { purge: { path: '/purge', auth: 'none' } } },
    modules: ['plugins/admin/cache-purge.ts'],
  },
  jwt: { config: { jwt: { secret: SECRET } }, modules: ['@fastify/jwt', 'fast-jwt'] },
  login: {
    config: { login: { issuer: 'http://127.0.0.1:1', clientId: 'a', clientSecret: 'b', sessionSecret: SECRET } },
    modules: ['openid-client', 'oauth4webapi'],
  },
  introspection: {
    config: { introspection: { url: 'http://127.0.0.1:1', clientId: 'a', clientSecret: 'b' } },
    modules: ['src/auth/introspection/introspection-scheme.ts'],
  },
  'forward auth': {
    config: { forwardAuth: { url: 'http://127.0.0.1:1' } },
    modules: ['src/auth/forward-auth/forward-auth-scheme.ts'],
  },
  'HTTP signatures': {
    config: { signatures: { keys: [{ keyid: 'a', consumer: 'a', secret: SECRET }] } },
    modules: ['src/auth/http-signature/http-signature-scheme.ts'],
  },
  'API keys': { config: { apiKeys: { keys: [] } }, modules: ['src/auth/api-key/api-key-scheme.ts'] },
  basic: {
    config: {
      basic: {
        users: [
          {
            name: 'a',
            password:
              '$argon2id$v=19$m=19456,t=2,p=1$5pb5bLMXbaCOEjZX/7e1nw$VJLIEBMUK/mxR3zdBU+lT/+p3fa55RSr+gH/UdRPag4',
          },
        ],
      },
    },
    modules: ['src/auth/basic/basic-scheme.ts'],
  },
  compression: { config: { compress: true }, modules: ['@fastify/compress'] },
  cors: { config: { cors: { origins: ['https://a.example'] } }, modules: ['@fastify/cors'] },
  'security headers': { config: { securityHeaders: true }, modules: ['@fastify/helmet', 'helmet'] },
  'client caching': {
    upstream: { clientCache: { privacy: 'public', maxAge: '1m' } },
    modules: ['src/response/client-control.ts'],
  },
  'a pass-through': { upstream: { passThrough: true }, modules: ['@fastify/http-proxy', '@fastify/reply-from', 'ws'] },
  'an API document': {
    upstream: { openapi: 'a.json' },
    files: { 'openapi/a.json': JSON.stringify(DOCUMENT) },
    modules: ['src/openapi/load-document.ts', '@fastify/busboy'],
  },
  mocks: { route: { mock: true }, modules: ['openapi-sampler', 're2js'] },
  'a pattern': {
    route: { schema: { querystring: { type: 'object', properties: { a: { type: 'string', pattern: '^[a-z]+$' } } } } },
    modules: ['@eslint-community/regexpp'],
  },
  'a pattern that is hard to judge': {
    route: {
      schema: {
        querystring: { type: 'object', properties: { a: { type: 'string', pattern: '^(?=.*a)(?:a|b)+c+$' } } },
      },
    },
    modules: ['scslre'],
  },
  'a YAML file': {
    files: { 'routes/b.yaml': 'name: b\nprefix: /b\nauth: none\ntargets: [http://127.0.0.1:1]\npassThrough: true\n' },
    modules: ['yaml'],
  },
}

/** A gateway with everything off that can be switched off, and one feature. */
async function modulesOf(
  t: TestContext,
  { config, upstream, route, files = {} }: Partial<Feature>,
): Promise<Set<string>> {
  const folder = temporaryFolder(t)
  for (const name of ['routes', 'openapi']) await mkdir(join(folder, name))
  writeFileSync(
    join(folder, 'gatehouse.config.mjs'),
    `export default ${JSON.stringify({ port: 0, docs: false, log: { format: 'json' }, ...config })}`,
  )
  writeFileSync(
    join(folder, 'routes/a.mjs'),
    `export default ${JSON.stringify({ name: 'a', prefix: '/a', auth: 'none', targets: ['http://127.0.0.1:1'], routes: [{ method: 'GET', url: '/x', ...route }], ...upstream })}`,
  )
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content)
  const list = join(folder, 'modules.txt')
  const gateway = startCommand(t, ['start'], {
    cwd: folder,
    env: { NODE_OPTIONS: `--import=${RECORDER}`, MODULES_FILE: list },
  })
  await gateway.line(/ready on/)
  gateway.child.kill('SIGTERM')
  assert.equal(await gateway.exit, 0, gateway.stderr())
  return new Set(readFileSync(list, 'utf8').split('\n').map(nameOf))
}

/** `ajv`, `@fastify/jwt`, or the path of a file of our own. */
function nameOf(url: string): string {
  const [, name] = /^.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url) ?? []
  return name ?? (url.startsWith(ROOT) ? url.slice(ROOT.length) : url)
}

describe('a feature that is off loads no module', { concurrency: 2, timeout: 300_000 }, () => {
  test('a plain gateway', async (t) => {
    const loaded = await modulesOf(t, {})
    assert.ok(loaded.has('fastify') && loaded.has('src/app.ts'), 'the modules are recorded')
    for (const [name, { modules }] of Object.entries(FEATURES)) {
      for (const module of modules) assert.ok(!loaded.has(module), `${module}, which only ${name} needs`)
    }
  })
  for (const [name, feature] of Object.entries(FEATURES)) {
    test(name, async (t) => {
      const loaded = await modulesOf(t, feature)
      for (const module of feature.modules) assert.ok(loaded.has(module), module)
    })
  }
})
