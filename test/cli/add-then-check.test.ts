import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { before, test, type TestContext } from 'node:test'
import { stringify } from 'yaml'
import { add, type AddOptions } from '../../src/cli/add-command.ts'
import { check } from '../../src/cli/check-command.ts'
import { failureLines } from '../../src/cli/failure.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

before(() => {
  for (const name of Object.keys(process.env)) if (name.startsWith('GATEHOUSE_')) delete process.env[name]
  process.env.GATEHOUSE_JWT_SECRET = 'a-secret-of-at-least-32-characters!'
})

interface Outcome {
  code: number
  stdout: string
  stderr: string
}

/** Runs a command in this process, as the command line would. */
async function run(t: TestContext, command: () => Promise<number>): Promise<Outcome> {
  const written = { stdout: '', stderr: '' }
  const mocks = (['stdout', 'stderr'] as const).map((name) => {
    const write = process[name].write.bind(process[name])
    return t.mock.method(process[name], 'write', (text: string | Buffer) => {
      // what the test runner reports comes in buffers
      if (typeof text !== 'string') return write(text)
      written[name] += text
      return true
    })
  })
  try {
    return { code: await command(), ...written }
  } catch (error) {
    return { code: 1, stdout: written.stdout, stderr: written.stderr + failureLines(error).join('\n') }
  } finally {
    for (const mock of mocks) mock.mock.restore()
  }
}

const tree = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()

interface Given {
  document: object | string
  options?: AddOptions
  /** Files that are there before. */
  files?: Record<string, string>
  /** What `add` refuses it for; else it succeeds, and so does `check`. */
  refused?: RegExp
  stderr?: RegExp
}

async function tryAdd(
  t: TestContext,
  { document, options = {}, files = {}, refused, stderr = /^$/ }: Given,
  name: string,
): Promise<void> {
  const cwd = temporaryFolder(t, {
    'api.yaml': typeof document === 'string' ? document : stringify(document),
    ...files,
  })
  process.chdir(cwd)
  const there = tree(cwd)
  const added = await run(t, () => add('api.yaml', options))
  if (refused !== undefined) {
    assert.equal(added.code, 1, `${name}: ${added.stdout}`)
    assert.match(added.stderr, refused, name)
    assert.doesNotMatch(added.stderr, /unexpectedly|gatehouse-try|\.\.\//, name)
    assert.deepEqual(tree(cwd), there, name)
    return
  }
  assert.equal(added.code, 0, `${name}: ${added.stderr}`)
  assert.match(added.stderr, stderr, name)
  if (added.stderr !== '') return
  const checked = await run(t, () => check({}))
  assert.deepEqual([checked.code, checked.stderr], [0, ''], name)
}

const ok = { responses: { 200: { description: 'ok' } } }
const api = (paths: object, more: object = {}): object => ({
  openapi: '3.1.0',
  info: { title: 'Shop', version: '1' },
  servers: [{ url: 'http://127.0.0.1:9' }],
  paths,
  ...more,
})
const inPath = (name: string, more: object = {}): object => ({
  name,
  in: 'path',
  required: true,
  schema: { type: 'string' },
  ...more,
})
const secured = (...schemes: object[]): object =>
  api(Object.fromEntries(schemes.map((_, i) => [`/s${i}`, { get: { ...ok, security: [{ [`scheme ${i}`]: [] }] } }])), {
    components: { securitySchemes: Object.fromEntries(schemes.map((scheme, i) => [`scheme ${i}`, scheme])) },
  })
const SCHEMES = [
  { type: 'apiKey', in: 'header', name: 'X-Key' },
  { type: 'http', scheme: 'basic' },
  { type: 'http', scheme: 'digest' },
  { type: 'mutualTLS' },
  { type: 'openIdConnect', openIdConnectUrl: 'https://x/y' },
  { type: 'oauth2', flows: { implicit: { authorizationUrl: 'https://x/y', scopes: { 'read:all': '' } } } },
]
const upstream = (more: object): string =>
  JSON.stringify({ name: 'other', auth: 'none', targets: ['http://127.0.0.1:9'], ...more })

const PATHS = [
  '/a',
  '/a b',
  '/ü/日本',
  '/a*b',
  '/a:b',
  "/it's",
  '/a(b)',
  '/a|b',
  '/a"b',
  '/100%',
  '/a%',
  '/a+b',
  '/$a',
  '/@a',
  '/~a',
  '/a=b,c',
]
const NAMES = ['a-b', 'a.b', '1', '日本', 'a b', '__proto__', 'constructor', '$x']

const PASSES: Record<string, Given> = {
  'schemes that the configuration has not': { document: secured(...SCHEMES) },
  'alternatives and combinations of schemes': {
    document: { ...secured(...SCHEMES), security: [{ 'scheme 0': [], 'scheme 1': [] }] },
  },
  'optional security': {
    document: { ...secured(...SCHEMES), security: [{}, { 'scheme 5': ['read:all'] }] },
    options: { auth: 'none' },
  },
  'an auth of the gateway': { document: secured(...SCHEMES), files: { 'gatehouse.config.yaml': 'auth: none\n' } },
  'operations of all kinds': {
    document: api(
      {
        '/': { get: ok, post: ok },
        '/no-id': { get: ok, post: { ...ok, operationId: 'x', tags: ['x', 'x', ''] } },
        '/same-id': { get: { ...ok, operationId: 'x' } },
        '/methods': Object.fromEntries(
          ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'].map((method) => [method, ok]),
        ),
        '/cars{color}': { get: { ...ok, parameters: [inPath('color', { style: 'matrix' })] } },
        '/slash': { get: ok },
        '/slash/': { get: ok },
        '/beside/{x}': { get: { ...ok, parameters: [inPath('x')] } },
        '/beside/fixed': { get: ok },
        '/beside/{x}/{y}': { get: { ...ok, parameters: [inPath('x'), inPath('y')] } },
        ...Object.fromEntries(PATHS.map((path) => [path, { get: ok }])),
        '/a.b/{x}.json': { get: { ...ok, parameters: [inPath('x')] } },
        '/%61': { post: ok },
        ...Object.fromEntries(
          NAMES.map((name, i) => [`/p${i}/{${name}}`, { get: { ...ok, parameters: [inPath(name)] } }]),
        ),
      },
      { tags: [{ name: 'x' }, { name: 'x' }] },
    ),
  },
  'the path / without a prefix': { document: api({ '/': { get: ok } }), options: { prefix: '/' } },
  'a server with variables and a path': {
    document: api(
      { '/a': { get: ok } },
      {
        servers: [
          { url: 'https://{host}/shop/v{n}/', variables: { host: { default: 'x.test' }, n: { default: '1' } } },
        ],
      },
    ),
  },
  'a server below another': {
    document: api({ '/a': { get: ok } }, { servers: [{ url: 'https://x.test/a%20b/;c/' }] }),
  },
  'a server that is no target': {
    document: api({ '/a': { get: ok } }, { servers: [{ url: 'https://x.test/a?b=c#d' }] }),
  },
  'no server': { document: api({ '/a': { get: ok } }, { servers: undefined }) },
  'no operation': { document: api({}) },
  'webhooks alone': { document: { openapi: '3.1.0', info: { title: 'Hooks', version: '1' }, webhooks: {} } },
  'a title that gives no name': { document: api({ '/a': { get: ok } }, { info: { title: '日本', version: '1' } }) },
  'a name of the gateway itself': {
    document: api({ '/a': { get: ok } }, { info: { title: 'Docs', version: '1' } }),
    options: { prefix: '/x' },
  },
  'OpenAPI 3.0': {
    document: {
      ...api(
        { '/a': { get: ok } },
        { components: { schemas: { A: { type: 'integer', exclusiveMinimum: true, minimum: 1, nullable: true } } } },
      ),
      openapi: '3.0.3',
    },
  },
  'Swagger 2.0': {
    document: {
      swagger: '2.0',
      info: { title: 'Old', version: '1' },
      host: 'x.test',
      basePath: '/v1',
      schemes: ['https', 'http'],
      securityDefinitions: { k: { type: 'apiKey', in: 'query', name: 'k' }, b: { type: 'basic' } },
      security: [{ k: [] }, { b: [] }],
      paths: {
        '/': { get: ok },
        '/a/{x}': {
          post: {
            ...ok,
            parameters: [
              { name: 'x', in: 'path', required: true, type: 'string' },
              { name: 'f', in: 'formData', type: 'file' },
            ],
          },
        },
      },
    },
  },
  'another upstream with other paths below the prefix': {
    document: api({ '/a': { get: ok } }),
    files: {
      'routes/other.json': upstream({
        prefix: '/shop',
        routes: [
          { method: 'GET', url: '/b' },
          { method: 'POST', url: '/a' },
        ],
      }),
    },
  },
  'an upstream that is replaced': {
    document: api({ '/a': { get: ok } }),
    options: { force: true },
    files: { 'routes/shop.ts': 'this is no TypeScript', 'openapi/shop.yaml': 'nor this' },
  },
  'other mistakes that are there': {
    document: api({ '/a': { get: ok } }),
    files: { 'routes/other.json': '{}' },
    stderr: /^note: gatehouse check refuses what was there before:\n {2}routes\/other\.json: /,
  },
}

test('add that succeeds is followed by a check that succeeds', async (t) => {
  for (const [name, given] of Object.entries(PASSES)) await tryAdd(t, given, name)
})

const FAULTS = /api\.yaml: all of this can be left out: with --faults omit, 1 operations are served and \d are left out/
const REFUSED: Record<string, Given> = {
  'a name that another file has': {
    document: api({ '/a': { get: ok } }),
    files: { 'routes/x.json': upstream({ name: 'shop', prefix: '/x', routes: [] }) },
    refused:
      /^routes\/x\.json: name: found "shop", which routes\/shop\.ts uses too.*\nnothing is written, since gatehouse check would refuse it: choose another --name, --prefix or --auth/,
  },
  'a file of the same name': {
    document: api({ '/a': { get: ok } }),
    files: { 'routes/shop.yaml': upstream({}) },
    refused: /routes\/shop\.yaml is there already: choose another --name/,
  },
  'a document of the same name': {
    document: api({ '/a': { get: ok } }),
    files: { 'openapi/shop.yaml': 'x' },
    refused: /openapi\/shop\.yaml is there already: choose another --name/,
  },
  'a route that another file has': {
    document: api({ '/{a}': { get: { ...ok, parameters: [inPath('a')] } } }),
    files: { 'routes/x.json': upstream({ prefix: '/shop', routes: [{ method: 'GET', url: '/:id' }] }) },
    refused: /^routes\/x\.json: routes\[0\]: GET \/shop\/:id is declared in routes\/shop\.ts too.*\nnothing is written/,
  },
  'a route of the gateway itself': {
    document: api({ '/json': { get: ok } }),
    options: { prefix: '/docs' },
    refused:
      /^routes\/shop\.ts: openapi: GET \/json.*: GET \/docs\/json is answered by the gateway itself \(docs\.path in the configuration\).*\nnothing is written/,
  },
  'an --auth that the configuration has not': {
    document: api({ '/a': { get: ok } }),
    options: { auth: 'apiKey' },
    refused: /apiKey.*\nnothing is written/s,
  },
  'a schema at fault': {
    document: api({
      '/a': { get: ok },
      '/b': { get: { ...ok, parameters: [{ name: 'q', in: 'query', schema: { enum: [] } }] } },
    }),
    refused: FAULTS,
  },
  'a path that cannot be routed': { document: api({ '/a': { get: ok }, '/b//c': { get: ok } }), refused: FAULTS },
}

test('what check would refuse is refused by add, and nothing is written', async (t) => {
  for (const [name, given] of Object.entries(REFUSED)) await tryAdd(t, given, name)
})

test('without a secret, add says what is missing', async (t) => {
  delete process.env.GATEHOUSE_JWT_SECRET
  await tryAdd(
    t,
    { document: api({ '/a': { get: ok } }), refused: /GATEHOUSE_JWT_SECRET.*\nnothing is written/s },
    'no secret',
  )
  await tryAdd(t, { document: api({ '/a': { get: ok } }), options: { auth: 'none' } }, 'no secret is needed')
})
