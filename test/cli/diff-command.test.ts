import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stringify } from 'yaml'
import { shop } from '../support/api-changes.ts'
import { runCommand } from '../support/command.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const broken = (): object => {
  const api = shop()
  delete api.paths['/orders/{id}']
  api.components.schemas.NewOrder.properties.size.enum = ['s']
  return api
}

test('openapi --diff lists what breaks clients, with file and line, and ends with 1', async (t) => {
  const cwd = temporaryFolder(t, { 'old.yaml': stringify(shop()), 'api/new.json': JSON.stringify(broken(), null, 2) })
  const { code, stdout, stderr } = await runCommand(t, ['openapi', '--diff', 'old.yaml', 'api/new.json'], { cwd })
  assert.equal(stderr, '')
  assert.equal(code, 1)
  const lines = stdout.trimEnd().split('\n')
  assert.equal(lines.length, 3, stdout)
  assert.match(
    lines[0]!,
    /^breaking: api\/new\.json:\d+: POST \/orders: body application\/json: size: the enum no longer has "m", "l": requests that were allowed before are refused \(#\/components\/schemas\/NewOrder\/properties\/size\)$/,
  )
  assert.match(lines[1]!, /^breaking: old\.yaml:\d+: GET \/orders\/\{id\}: the operation is removed: /)
  assert.equal(lines[2], '2 breaking changes')
})

test('openapi --diff ends with 0 when nothing breaks, and tells as JSON', async (t) => {
  const cwd = temporaryFolder(t, { 'old.json': JSON.stringify(broken()), 'new.json': JSON.stringify(shop()) })
  const { code, stdout } = await runCommand(t, ['openapi', '--diff', 'old.json', 'new.json', '--json'], { cwd })
  assert.equal(code, 0)
  assert.deepEqual(JSON.parse(stdout), { before: 'old.json', after: 'new.json', breaking: 0, changes: [] })
})

test('openapi --diff reads the documents of former versions', async (t) => {
  const swagger = (type: string): string =>
    stringify({
      swagger: '2.0',
      info: { title: 'Old', version: '1' },
      consumes: ['application/json'],
      produces: ['application/json'],
      paths: {
        '/a': {
          get: {
            parameters: [{ name: 'n', in: 'query', type }],
            responses: { 200: { description: 'ok', schema: { type: 'object', properties: { b: { type } } } } },
          },
        },
      },
    })
  const cwd = temporaryFolder(t, { 'old.yaml': swagger('integer'), 'new.yaml': swagger('boolean') })
  const { code, stdout } = await runCommand(t, ['openapi', '--diff', 'old.yaml', 'new.yaml'], { cwd })
  assert.equal(code, 1)
  assert.match(stdout, /query parameter "n": the type is boolean, was integer/)
  assert.match(stdout, /response 200 application\/json: b: the type is boolean, was integer/)
})

test('openapi --diff of one document compares it with the gateway', async (t) => {
  const route = (properties: object): string =>
    JSON.stringify({
      name: 'a',
      targets: ['http://127.0.0.1:9'],
      auth: 'none',
      routes: [{ method: 'POST', url: '/a', schema: { body: { type: 'object', properties } } }],
    })
  const cwd = temporaryFolder(t, {
    'routes/a.json': route({ b: { type: 'string' } }),
    'changed/a.json': route({ b: { type: 'number' } }),
  })
  assert.equal((await runCommand(t, ['openapi', '--out', 'published.json'], { cwd })).code, 0)
  const same = await runCommand(t, ['openapi', '--diff', 'published.json'], { cwd })
  assert.deepEqual([same.code, same.stdout, same.stderr], [0, '0 breaking changes\n', ''])
  const other = await runCommand(t, ['openapi', '--diff', 'published.json', '--routes', 'changed'], { cwd })
  assert.equal(other.code, 1)
  assert.match(
    other.stdout,
    /^breaking: the gateway: POST \/a: body application\/json: b: the type is number, was string/,
  )
})

test('openapi --diff refuses what it cannot compare', async (t) => {
  const cwd = temporaryFolder(t, { 'a.json': JSON.stringify(shop()), 'b.yaml': 'a: [' })
  const wrong = async (...words: string[]): Promise<string> => {
    const { code, stdout, stderr } = await runCommand(t, ['openapi', '--diff', ...words], { cwd })
    assert.equal(code, 1)
    assert.equal(stdout, '')
    return stderr
  }
  assert.match(await wrong('a.json', 'missing.yaml'), /^gatehouse: missing\.yaml: no such file/)
  assert.match(await wrong('a.json', 'b.yaml'), /^b\.yaml/)
  assert.match(await wrong('a.json', 'a.json', 'a.json'), /found 3/)
  assert.match(await wrong('a.json', 'a.json', '--out', 'c.json'), /cannot be used with/)
})
