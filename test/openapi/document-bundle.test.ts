import assert from 'node:assert/strict'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { documentFiles, loadApiDocument } from '../../src/openapi/load-document.ts'
import { documents, problemsOf } from './document-folder.ts'

const ROOT = `openapi: 3.0.3
info: { title: T, version: '1' }
paths:
  /pets: { $ref: 'paths/pets.yaml' }
  /own: { get: { parameters: [{ $ref: 'common.yaml#/parameters/Limit' }], responses: { '200': { $ref: 'common.yaml#/responses/Ok' } } } }
components:
  schemas:
    Pet: { type: string }
    Owner: { $ref: 'schemas/owner.yaml' }
`
const FILES = {
  'root.yaml': ROOT,
  'paths/pets.yaml':
    'get:\n  responses: { "200": { description: ok, content: { application/json: { schema: { $ref: "../schemas/pet.yaml" } } } } }\n',
  'schemas/pet.yaml':
    'type: object\nproperties: { owner: { $ref: "owner.yaml" }, mate: { $ref: "#" }, name: { $ref: "#/definitions/Name" } }\ndefinitions: { Name: { type: string, nullable: true } }\n',
  'schemas/owner.yaml':
    'type: object\nproperties: { pets: { type: array, items: { $ref: "pet.yaml" } }, first: { $ref: "../root.yaml#/components/schemas/Pet" } }\n',
  'common.yaml':
    'parameters: { Limit: { name: limit, in: query, schema: { type: integer } } }\nresponses: { Ok: { description: ok } }\n',
}

test('several files become one document, each part once and of the kind that its place asks for', async (t) => {
  const options = documents(t, FILES)
  const document = await loadApiDocument('root.yaml', options)
  const { paths, components } = document.root
  assert.equal(paths['/pets'].get.responses['200'].content['application/json'].schema.$ref, '#/components/schemas/pet')
  assert.equal(components.schemas.Pet.type, 'string')
  assert.deepEqual(components.schemas.pet, {
    type: 'object',
    properties: {
      owner: { $ref: '#/components/schemas/Owner' },
      mate: { $ref: '#/components/schemas/pet' },
      name: { $ref: '#/components/schemas/pet/definitions/Name' },
    },
    definitions: { Name: { type: ['string', 'null'] } },
  })
  assert.deepEqual(components.schemas.Owner.properties, {
    pets: { type: 'array', items: { $ref: '#/components/schemas/pet' } },
    first: { $ref: '#/components/schemas/Pet' },
  })
  assert.deepEqual(paths['/own'].get.parameters, [{ $ref: '#/components/parameters/Limit' }])
  assert.deepEqual(paths['/own'].get.responses, { 200: { $ref: '#/components/responses/Ok' } })
  assert.deepEqual(
    document.operations.map(({ where, pointer }) => [where, pointer]),
    [
      ['openapi/paths/pets.yaml:1', '/paths/~1pets/get'],
      ['openapi/root.yaml:5', '/paths/~1own/get'],
    ],
  )
  assert.equal(documentFiles(document).length, 5)
  assert.equal(JSON.stringify((await loadApiDocument('root.yaml', options)).root), JSON.stringify(document.root))
})

test('maps that are nothing but a reference are put where they are wanted, and names do not collide', async (t) => {
  const document = await loadApiDocument(
    'root.yaml',
    documents(t, {
      'root.yaml':
        'openapi: 3.1.0\ninfo: { title: T, version: "1" }\npaths: { $ref: paths.yaml }\ncomponents: { schemas: { $ref: schemas.yaml } }\n',
      'paths.yaml':
        '/a: { get: { responses: { "200": { description: ok, content: { application/json: { schema: { $ref: "other.yaml#/Pet" } } } } } } }\n',
      'schemas.yaml': 'Pet: { type: string }\nName: { $ref: "#/Pet" }\n',
      'other.yaml': 'Pet: { type: object }\n',
    }),
  )
  assert.deepEqual(document.root.components.schemas, {
    Pet: { type: 'string' },
    Name: { $ref: '#/components/schemas/Pet' },
    'Pet-2': { type: 'object' },
  })
  assert.equal(
    document.root.paths['/a'].get.responses['200'].content['application/json'].schema.$ref,
    '#/components/schemas/Pet-2',
  )
})

const pointsAt = (reference: string): string =>
  `openapi: 3.1.0\ninfo: { title: T, version: "1" }\npaths: { /a: { get: { responses: { "200": { description: ok } } } } }\ncomponents: { schemas: { A: { $ref: ${JSON.stringify(reference)} } } }\n`

test('no file outside of the folder is read, whatever the way to it', async (t) => {
  const options = documents(t, { 'inner/root.yaml': '' })
  writeFileSync(join(options.baseDir, 'secret.yaml'), 'type: string\n')
  symlinkSync(join(options.baseDir, 'secret.yaml'), join(options.folder, 'link.yaml'))
  symlinkSync(options.baseDir, join(options.folder, 'up'))
  mkdirSync(`${options.folder}-more`)
  writeFileSync(`${options.folder}-more/x.yaml`, 'type: string\n')
  for (const reference of [
    '../../secret.yaml',
    '../link.yaml',
    '../up/secret.yaml',
    '..%2f..%2fsecret.yaml',
    '/etc/hostname',
    '../../openapi-more/x.yaml',
    '../../nothing.yaml',
  ]) {
    writeFileSync(join(options.folder, 'inner/root.yaml'), pointsAt(reference))
    assert.deepEqual(await problemsOf(loadApiDocument('inner/root.yaml', options)), [
      `openapi/inner/root.yaml:4: components.schemas.A.$ref: is "${reference}", which names a file outside openapi; only files in that folder are read: move it there`,
    ])
  }
  for (const [reference, message] of [
    [`file://${options.baseDir}/secret.yaml`, 'names neither a file of the folder nor an http or https URL'],
    [
      'http://127.0.0.1:9/x.yaml',
      'names http://127.0.0.1:9/x.yaml, which references may not fetch: add "http://127.0.0.1:9/" to "openapi.remote", or put a copy into the folder',
    ],
    ['missing.yaml', 'cannot be read: no such file'],
    ['.', 'cannot be read: it is not a regular file'],
  ]) {
    writeFileSync(join(options.folder, 'inner/root.yaml'), pointsAt(reference!))
    assert.deepEqual(await problemsOf(loadApiDocument('inner/root.yaml', options)), [
      `openapi/inner/root.yaml:4: components.schemas.A.$ref: is "${reference}", which ${message}`,
    ])
  }
  for (const root of ['../secret.yaml', 'link.yaml', '/etc/hostname']) {
    assert.match((await problemsOf(loadApiDocument(root, options)))[0]!, /names a file outside openapi/)
  }
})

test('files that put each other into their places without an end are told', async (t) => {
  const problems = await problemsOf(
    loadApiDocument(
      'root.yaml',
      documents(t, {
        'root.yaml':
          'openapi: 3.1.0\ninfo: { title: T, version: "1" }\npaths: { /a: { $ref: "a.yaml" }, /b: { $ref: "#/paths/~1b" } }\ncomponents: { schemas: { $ref: "grow.yaml" } }\n',
        'a.yaml': '$ref: b.yaml\n',
        'b.yaml': '$ref: a.yaml\n',
        'grow.yaml': 'child: { type: object, properties: { $ref: grow.yaml } }\n',
      }),
    ),
  )
  assert.equal(problems.length, 3)
  for (const problem of problems) assert.match(problem, /which leads back to itself$/)
})

test('a document may have so many files, and so many bytes', async (t) => {
  const many = Object.fromEntries(
    Array.from({ length: 5010 }, (_, place) => [
      `f${place}.yaml`,
      `type: object\nproperties: { next: { $ref: f${place + 1}.yaml } }\n`,
    ]),
  )
  assert.match(
    (await problemsOf(loadApiDocument('root.yaml', documents(t, { ...many, 'root.yaml': pointsAt('f0.yaml') }))))[0]!,
    /which is one file too many: a document may have 5000$/,
  )
  const large = documents(t, {
    'root.yaml': pointsAt('a.json'),
    'a.json': JSON.stringify({ description: 'x'.repeat(21 * 1024 * 1024) }),
  })
  assert.match(
    (await problemsOf(loadApiDocument('root.yaml', large)))[0]!,
    /which makes the document larger than 20 MiB/,
  )
})
