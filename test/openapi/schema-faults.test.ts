import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildApp } from '../../src/app.ts'
import { BootProblems } from '../../src/errors.ts'
import { apiConfig, startApiGateway } from '../support/api-gateway.ts'
import { loadText, problemsOf } from './document-folder.ts'

/** A document whose only operation takes and gives values of the schema. */
const using = (schema: string, { version = '3.1.0', more = '' } = {}): string => `openapi: ${version}
info: { title: T, version: '1' }
paths:
  /a:
    post:
      requestBody: { content: { application/json: { schema: { $ref: '#/components/schemas/A' } } } }
      responses: { '200': { description: ok } }
components:
  schemas:
    A:
      ${schema}
${more}`

const FAULTS: readonly [schema: string, problem: RegExp][] = [
  [
    'exclusiveMinimum: true',
    /^openapi\/api\.yaml:11: components\.schemas\.A\.exclusiveMinimum: is true, allowed since OpenAPI 3\.1: a number/,
  ],
  ['{ minimum: 1, exclusiveMinimum: false }', /A\.exclusiveMinimum: is false/],
  ['properties: { b: { exclusiveMaximum: true, maximum: 3 } }', /A\.properties\.b\.exclusiveMaximum: is true/],
  [
    'oneOf: []',
    /^openapi\/api\.yaml:11: components\.schemas\.A\.oneOf: is an empty list, which no value fits, allowed: at least one schema/,
  ],
  ['anyOf: []', /A\.anyOf: is an empty list/],
  ['enum: []', /A\.enum: is an empty list/],
  ['items: { enum: [] }', /A\.items\.enum: is an empty list/],
  ["pattern: '('", /^openapi\/api\.yaml:11: components\.schemas\.A\.pattern: the pattern is not a regular expression/],
  ["pattern: '^(a+)+(?!b)$'", /A\.pattern: .*exponential time/],
  ["patternProperties: { '(': true }", /A\.patternProperties\.\(: the pattern/],
  ["$dynamicRef: '#a'", /A\.\$dynamicRef: is a dynamic reference/],
  ["$recursiveRef: '#'", /A\.\$recursiveRef: is a dynamic reference/],
  ['multipleOf: 0', /A\.multipleOf: is 0, allowed: a number above 0/],
  ['type: strin', /A\.type: is "strin"/],
]

test('what no compiler takes is found when a document is read, with file, line and what is right', async (t) => {
  for (const [schema, problem] of FAULTS) {
    const problems = await problemsOf(loadText(t, using(schema)))
    assert.equal(problems.length, 1, problems.join('\n'))
    assert.match(problems[0]!, problem)
  }
})

test('before OpenAPI 3.1 the bounds are true and false', async (t) => {
  const { root } = await loadText(t, using('{ minimum: 1, exclusiveMinimum: true }', { version: '3.0.3' }))
  assert.deepEqual(root.components.schemas.A, { exclusiveMinimum: 1 })
})

test('a mistake in a schema that nothing uses is told, and stops nothing', async (t) => {
  const { notes } = await loadText(t, using('type: object', { more: '    B: { oneOf: [] }\n' }))
  assert.deepEqual(
    notes.filter((note) => note.includes('which has no effect')),
    ['a schema that no operation uses has a mistake, which has no effect (openapi/api.yaml:12)'],
  )
})

test('a reference to what stands where no schema is expected is held against the rules of schemas', async (t) => {
  for (const place of [
    'x-schemas: { S: { type: strin } }',
    'components: { examples: { E: { value: { type: strin } } } }',
  ]) {
    const [target] = place.startsWith('x') ? ['#/x-schemas/S'] : ['#/components/examples/E/value']
    const text = `openapi: 3.1.0\ninfo: { title: T, version: '1' }\npaths: { /a: { get: { parameters: [{ name: q, in: query, schema: { $ref: '${target}' } }], responses: { '200': { description: ok } } } } }\n${place}\n`
    const problems = await problemsOf(loadText(t, text))
    assert.equal(problems.length, 1, problems.join('\n'))
    assert.match(problems[0]!, /^openapi\/api\.yaml:4: .*type: is "strin"/)
  }
})

test('a valid schema in an extension is enforced', async (t) => {
  const { url } = await startApiGateway(t, {
    openapi: '3.1.0',
    info: { title: 'T', version: '1' },
    paths: {
      '/a': {
        get: {
          parameters: [{ name: 'q', in: 'query', schema: { $ref: '#/x-schemas/S' } }],
          responses: { 200: { description: 'ok' } },
        },
      },
    },
    'x-schemas': { S: { items: { $ref: '#/x-schemas/N' } }, N: { type: 'integer' } },
  })
  assert.equal((await fetch(`${url}/a?q=1`)).status, 200)
  assert.equal((await fetch(`${url}/a?q=x`)).status, 400)
})

test('empty lists of schemas that must all fit say nothing', async (t) => {
  const { notes, root } = await loadText(t, using('{ allOf: [], prefixItems: [] }'))
  assert.deepEqual(root.components.schemas.A, {})
  assert.match(notes.join('\n'), /"allOf" is an empty list/)
})

test('a schema written by hand is found at boot too', async (t) => {
  const schemas: [object, RegExp][] = [
    [{ exclusiveMinimum: true }, /exclusiveMinimum/],
    [{ oneOf: [] }, /oneOf/],
    [{ anyOf: [] }, /anyOf/],
    [{ enum: [] }, /enum/],
    [{ id: 'a' }, /id is a keyword of draft-04/],
    [{ type: 'string', nullable: 'yes' }, /nullable must be/],
    [{ $ref: '#/default', default: { type: 'strin' } }, /\/default\/type/],
    [{ type: ['string', 'null'], nullable: false }, /nullable is false/],
  ]
  for (const part of ['body', 'querystring', 'params', 'headers']) {
    for (const [schema, problem] of schemas) {
      const own =
        part === 'body'
          ? schema
          : {
              type: 'object',
              properties: { a: Object.hasOwn(schema, '$ref') ? { $ref: '#/x/default' } : schema },
              x: schema,
            }
      const declaration = {
        name: 'a',
        prefix: '/a',
        auth: 'none',
        targets: ['http://127.0.0.1:1'],
        routes: [{ method: 'POST', url: '/:a', schema: { [part]: own } }],
      }
      const error = await buildApp(await apiConfig(t, { 'a.json': declaration }, {})).then(
        () => null,
        (thrown: unknown) => thrown,
      )
      assert.ok(error instanceof BootProblems, `${part} ${JSON.stringify(schema)}: ${String(error)}`)
      assert.match(error.message, problem)
    }
  }
})

test('names in the examples of a schema do not keep it from being compiled', async (t) => {
  const { url } = await startApiGateway(
    t,
    { openapi: '3.1.0', info: { title: 'T', version: '1' }, paths: {} },
    {
      routes: [
        {
          method: 'POST',
          url: '/a',
          schema: {
            body: {
              type: 'object',
              examples: [{ $id: 'a', $anchor: '!' }],
              properties: { a: { type: 'integer', 'x-note': { $id: 'a' } } },
            },
          },
        },
      ],
    },
  )
  const send = async (body: string): Promise<number> =>
    (await fetch(`${url}/a`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })).status
  assert.equal(await send('{"a":1}'), 200)
  assert.equal(await send('{"a":"x"}'), 400)
})

const many = <T>(count: number, entry: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => entry(i))
const usingJson = (A: object): string =>
  JSON.stringify({
    openapi: '3.1.0',
    info: { title: 'T', version: '1' },
    paths: {
      '/a': {
        post: {
          requestBody: { content: { 'application/json': { schema: { $ref: '#/components/schemas/A' } } } },
          responses: {},
        },
      },
    },
    components: { schemas: { A } },
  })
const named = (count: number, value: unknown): object => Object.fromEntries(many(count, (i) => [`n${i}`, value]))

test('schemas that would hold up the gateway when they are compiled are refused', async (t) => {
  const tooMany: readonly [schema: object, problem: RegExp][] = [
    [{ properties: named(100_000, true) }, /A\.properties: has 100000 entries, allowed: 5000/],
    [{ items: { required: many(5001, String) } }, /A\.items\.required: has 5001 entries, allowed: 5000/],
    [{ enum: many(5001, Number) }, /A\.enum: has 5001 entries/],
    [{ anyOf: many(5001, (i) => ({ minLength: i })) }, /A\.anyOf: has 5001 entries/],
    [{ patternProperties: named(501, true) }, /A\.patternProperties: has 501 entries, allowed: 500/],
    // within the bound of each keyword
    [
      { properties: named(150, { properties: named(100, { type: 'string' }) }) },
      /\/a\.post: uses more than 15000 schemas, through references too/,
    ],
  ]
  for (const [schema, problem] of tooMany) {
    const problems = await problemsOf(loadText(t, usingJson(schema)))
    assert.equal(problems.length, 1, problems.join('\n'))
    assert.match(problems[0]!, problem)
  }
  for (const schema of [{ properties: named(5000, { type: 'string' }) }, { enum: many(5000, Number) }]) {
    await loadText(t, usingJson(schema))
  }
})

test('a chain of references counts as a whole, and is left out by openapi.faults', async (t) => {
  const links = Object.fromEntries(
    many(8000, (i) => [`L${i}`, { properties: { next: { $ref: `#/components/schemas/L${i + 1}` } } }]),
  )
  const chain = (length: number): object => ({
    openapi: '3.1.0',
    info: { title: 'T', version: '1' },
    paths: {
      '/a': {
        get: {
          parameters: [
            {
              name: 'q',
              in: 'query',
              content: { 'application/json': { schema: { $ref: `#/components/schemas/L${8000 - length}` } } },
            },
          ],
          responses: {},
        },
      },
      '/b': { get: { responses: {} } },
    },
    components: { schemas: { ...links, L8000: {} } },
  })
  const [problem] = await problemsOf(loadText(t, JSON.stringify(chain(8000))))
  assert.match(problem!, /\/a\.get: uses more than 15000 schemas/)
  const { operations } = await loadText(t, JSON.stringify(chain(7000)))
  assert.equal(operations.length, 2, 'what no operation needs does not count')
  const { url } = await startApiGateway(t, chain(8000), { openapi: { document: 'api.json', faults: 'omit' } })
  assert.deepEqual([(await fetch(`${url}/a`)).status, (await fetch(`${url}/b`)).status], [501, 200])
})

test('a mapping of many keys in YAML is read as fast as in JSON, and a key that comes twice is found', async (t) => {
  const text = (more: string): string =>
    `openapi: 3.1.0\ninfo: { title: T, version: '1' }\npaths: {}\nx-many:\n${many(20_000, (i) => `  n${i}: 1\n`).join('')}${more}`
  assert.equal((await loadText(t, text(''))).operations.length, 0)
  assert.deepEqual(await problemsOf(loadText(t, text('  n7: 2\n'))), [
    'openapi/api.yaml:20005: is not valid YAML: the same key is here a second time',
  ])
  assert.match(
    (
      await problemsOf(loadText(t, "openapi: 3.1.0\npaths:\n  /a: { get: { responses: { 200: {}, '200': {} } } }\n"))
    )[0]!,
    /^openapi\/api\.yaml:3: .*the same key/,
  )
})
