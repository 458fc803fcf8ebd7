import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { stringify } from 'yaml'
import { writeFiles } from '../../src/cli/file-batch.ts'
import { nameFrom, prefixFrom, literal } from '../../src/cli/upstream-text.ts'
import { shop } from '../support/api-changes.ts'
import { runCommand } from '../support/command.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const env = { GATEHOUSE_JWT_SECRET: 'a-secret-of-at-least-32-characters!' }
const document = (more: object = {}): string =>
  stringify({
    ...shop(),
    servers: [{ url: 'http://127.0.0.1:9/{base}', variables: { base: { default: 'v1' } } }],
    ...more,
  })
const tree = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort()
const read = (folder: string, file: string): string => readFileSync(join(folder, file), 'utf8')
const add = (t: TestContext, cwd: string, ...words: string[]) => runCommand(t, ['add', ...words], { cwd, env })

test('add copies the document and writes an upstream file that boots', async (t) => {
  const cwd = temporaryFolder(t, { 'given/api.yaml': document() })
  const { code, stdout, stderr } = await add(t, cwd, 'given/api.yaml')
  assert.deepEqual([code, stderr], [0, ''])
  assert.match(stdout, /^written: routes\/shop\.ts\nwritten: openapi\/shop\.yaml\n/)
  assert.match(stdout, /gatehouse check/)
  assert.deepEqual(tree(cwd), ['given/api.yaml', 'openapi/shop.yaml', 'routes/shop.ts'])
  const text = read(cwd, 'routes/shop.ts')
  for (const line of [
    "name: 'shop'",
    "prefix: '/shop'",
    'stripPrefix: true',
    "targets: ['http://127.0.0.1:9/v1']",
    "document: 'shop.yaml'",
    'key: { jwt: {} }',
    "requestValidation: 'report'",
  ]) {
    assert.ok(text.includes(line), text)
  }
  const checked = await runCommand(t, ['check'], { cwd, env })
  assert.deepEqual([checked.code, checked.stderr], [0, ''])
  const { stdout: routes } = await runCommand(t, ['routes'], { cwd, env })
  assert.match(routes, /GET +\* +\/shop\/orders\/:id /)
})

test('add takes what it is told', async (t) => {
  const cwd = temporaryFolder(t, { 'api.yaml': document() })
  const { code, stderr } = await add(
    t,
    cwd,
    'api.yaml',
    '--name',
    'store',
    '--prefix',
    '/',
    '--target',
    'http://127.0.0.1:7',
    '--auth',
    'none',
  )
  assert.deepEqual([code, stderr], [0, ''])
  const text = read(cwd, 'routes/store.ts')
  for (const line of ["prefix: '/'", "targets: ['http://127.0.0.1:7']", "auth: 'none'", "openapi: 'store.yaml'"]) {
    assert.ok(text.includes(line), text)
  }
  assert.ok(!text.includes('stripPrefix'))
  assert.deepEqual((await runCommand(t, ['check'], { cwd, env })).stderr, '')
})

test('add makes a mock when no server is known', async (t) => {
  const cwd = temporaryFolder(t, { 'api.yaml': document({ servers: [{ url: '/v1' }] }) })
  const { stdout } = await add(t, cwd, 'api.yaml')
  assert.match(stdout, /a mock answers/)
  assert.match(read(cwd, 'routes/shop.ts'), /^ {2}mock: true,$/m)
  assert.deepEqual((await runCommand(t, ['check'], { cwd, env })).stderr, '')
})

test('add copies all files of a document', async (t) => {
  const cwd = temporaryFolder(t, {
    'api/main.yaml': stringify({
      openapi: '3.1.0',
      info: { title: 'Parts', version: '1' },
      paths: {
        '/a': {
          get: {
            responses: {
              200: { description: 'ok', content: { 'application/json': { schema: { $ref: 'schemas/a.yaml' } } } },
            },
          },
        },
      },
    }),
    'api/schemas/a.yaml': stringify({ type: 'object', properties: { b: { $ref: '../b.json' } } }),
    'api/b.json': '{"type": "string"}',
    'api/other.yaml': 'not: copied',
  })
  const { code, stderr } = await add(t, cwd, 'api/main.yaml')
  assert.deepEqual([code, stderr], [0, ''])
  assert.deepEqual(tree(join(cwd, 'openapi')), ['parts/b.json', 'parts/main.yaml', 'parts/schemas/a.yaml'])
  assert.match(read(cwd, 'routes/parts.ts'), /openapi: 'parts\/main\.yaml'/)
  assert.deepEqual((await runCommand(t, ['check'], { cwd, env })).stderr, '')
})

test('add fetches a document, and takes relative servers from its URL', async (t) => {
  const server = createServer((request, response) => {
    if (request.url === '/docs/api.json?version=2') {
      return response.end(JSON.stringify({ ...shop(), servers: [{ url: '/base' }] }))
    }
    response.writeHead(404).end()
  }).listen(0, '127.0.0.1')
  t.after(() => server.close())
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const cwd = temporaryFolder(t)
  const { code, stderr } = await add(t, cwd, `${url}/docs/api.json?version=2`)
  assert.deepEqual([code, stderr], [0, ''])
  assert.deepEqual(tree(cwd), ['openapi/shop.json', 'routes/shop.ts'])
  assert.match(read(cwd, 'routes/shop.ts'), new RegExp(`targets: \\['${url}/base'\\]`))
  const missing = await add(t, cwd, `${url}/none.json`)
  assert.equal(missing.code, 1)
  assert.match(missing.stderr, /404/)
  const compared = await runCommand(t, ['openapi', '--diff', `${url}/docs/api.json?version=2`, 'openapi/shop.json'], {
    cwd,
  })
  assert.deepEqual([compared.code, compared.stdout], [0, '0 breaking changes\n'])
  assert.deepEqual(tree(cwd), ['openapi/shop.json', 'routes/shop.ts'])
})

test('add replaces nothing without --force, and leaves nothing half-written', async (t) => {
  const cwd = temporaryFolder(t, {
    'api.yaml': document(),
    'routes/shop.ts': 'mine',
    'broken.yaml': 'openapi: 3.1.0\npaths: 5\n',
  })
  const refused = await add(t, cwd, 'api.yaml')
  assert.equal(refused.code, 1)
  assert.match(refused.stderr, /routes\/shop\.ts is there already/)
  assert.deepEqual(tree(cwd), ['api.yaml', 'broken.yaml', 'routes/shop.ts'])
  assert.equal(read(cwd, 'routes/shop.ts'), 'mine')
  assert.equal((await add(t, cwd, 'api.yaml', '--force')).code, 0)
  assert.match(read(cwd, 'routes/shop.ts'), /defineUpstream/)
  assert.deepEqual(tree(cwd), ['api.yaml', 'broken.yaml', 'openapi/shop.yaml', 'routes/shop.ts'])
  writeFileSync(join(cwd, 'routes/other.json'), '{}')
  assert.match((await add(t, cwd, 'api.yaml', '--name', 'other')).stderr, /routes\/other\.json is there already/)
  assert.match((await add(t, cwd, 'broken.yaml')).stderr, /^broken\.yaml/)
  assert.match((await add(t, cwd, 'missing.yaml')).stderr, /missing\.yaml/)
  for (const words of [
    ['--name', '../x'],
    ['--name', 'A b'],
    ['--prefix', '/../x'],
    ['--prefix', "/'x"],
    ['--target', 'ftp://x'],
    ['--target', 'http://a:b@c'],
    ['--auth', 'magic'],
  ]) {
    const { code, stderr } = await add(t, cwd, 'api.yaml', ...words)
    assert.deepEqual([code, stderr.split('\n').length], [1, 2], stderr)
  }
  assert.deepEqual(tree(cwd), ['api.yaml', 'broken.yaml', 'openapi/shop.yaml', 'routes/other.json', 'routes/shop.ts'])
})

test('a hostile document puts nothing into code and file names', async (t) => {
  // eslint-disable-next-line no-template-curly-in-string
  const evil = "'}); process.exit(7); //\n\u2028process.exit(7)\u2029*/ process.exit(7) /* \u202E${process.exit(7)}`"
  const scheme = "x': {}}, y: process.exit(7), z: { '"
  const api = shop()
  api.info.title = `../../${evil}`
  api.components.securitySchemes[scheme] = { type: 'apiKey', in: 'header', name: evil }
  api.paths['/orders'].get.security = [{ [scheme]: [] }]
  api.servers = [{ url: "http://127.0.0.1:9/a'});process.exit(7)//" }]
  const cwd = temporaryFolder(t, { 'api.json': JSON.stringify(api) })
  const { code, stdout, stderr } = await add(t, cwd, 'api.json')
  if (code !== 0) {
    // what the loader refuses comes to nothing
    assert.match(stderr, /^api\.json/)
    assert.deepEqual(tree(cwd), ['api.json'])
    return
  }
  assert.ok(!stdout.includes('\u202E'))
  const [, , file] = tree(cwd) as [string, string, string]
  assert.match(file, /^routes\/[a-z0-9-]+\.ts$/)
  const { default: plugin } = await import(join(cwd, file)).catch(() => ({ default: null }))
  assert.ok(plugin === null || typeof plugin === 'function')
  const checked = await runCommand(t, ['check'], { cwd, env })
  assert.notEqual(checked.code, 7)
  assert.ok(!/[\u2028\u2029\u202E]/.test(read(cwd, file)))
})

test('literals hold any text', () => {
  for (const text of [
    "'",
    '"',
    '\\',
    "\\'",
    '\\"',
    '\n\r\u2028\u2029',
    '$' + '{x}`',
    '\u202E',
    '\ud800',
    'ünï',
    '\0',
    '\u{E0001}',
    '*/ //',
  ]) {
    const code = literal(text)
    // eslint-disable-next-line no-new-func
    assert.equal(new Function(`return ${code}`)(), text)
    assert.ok(!/[\n\r\u2028\u2029\u202E]/.test(code))
  }
})

test('names and prefixes come from titles and servers', () => {
  assert.equal(nameFrom('Swagger Petstore - OpenAPI 3.0'), 'swagger-petstore-openapi-3-0')
  assert.equal(nameFrom('../../etc/passwd'), 'etc-passwd')
  assert.equal(nameFrom('Zahlungsübersicht'), 'zahlungsubersicht')
  for (const nothing of ['', '日本', '../..', undefined, 5]) assert.equal(nameFrom(nothing), null)
  assert.ok(nameFrom(`${'long '.repeat(1000)}`)!.length <= 40)
  assert.equal(prefixFrom(new URL('http://a/api/v3'), 'pets'), '/pets')
  assert.equal(prefixFrom(new URL('http://a/store/v3/'), 'pets'), '/store/v3')
  assert.equal(prefixFrom(new URL("http://a/it's"), 'pets'), '/pets')
  assert.equal(prefixFrom(null, 'pets'), '/pets')
})

test('of several files all are written, or none', (t) => {
  const folder = temporaryFolder(t, { 'old/a': 'before', file: 'no folder' })
  const at = (name: string, content = 'new'): { path: string; content: string } => ({
    path: join(folder, name),
    content,
  })
  assert.throws(() => writeFiles([at('old/a'), at('made/here/b'), at('file/c')], true), /nothing is written/)
  assert.deepEqual(tree(folder), ['file', 'old/a'])
  assert.deepEqual(readdirSync(folder).sort(), ['file', 'old'])
  mkdirSync(join(folder, 'dir'))
  assert.throws(() => writeFiles([at('new'), at('dir')], false), /dir is there already/)
  writeFiles([at('old/a'), at('made/here/b')], true)
  assert.deepEqual(tree(folder), ['file', 'made/here/b', 'old/a'])
  assert.equal(read(folder, 'old/a'), 'new')
})
