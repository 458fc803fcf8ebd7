import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { buildApp } from '../../src/app.ts'
import { BootProblems } from '../../src/errors.ts'
import type { FaultMode } from '../../src/schema/types.ts'
import { loadApiDocument } from '../../src/openapi/load-document.ts'
import { documents } from '../openapi/document-folder.ts'
import { apiConfig, startApiGateway } from '../support/api-gateway.ts'

const ok = { 200: { description: 'ok' } }
const taking = (schema: object) => ({ requestBody: { content: { 'application/json': { schema } } }, responses: ok })
const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` })

/** The faults of documents that vendors publish, one operation each beside one that has none. */
const vendors = {
  openapi: '3.1.0',
  info: { title: 'Vendors', version: '1' },
  paths: {
    '/fine': { get: { responses: ok }, post: taking(ref('Fine')) },
    '/recursive': { post: taking(ref('Recursive')) },
    '/empty': { post: taking({ type: 'object', properties: { a: ref('Empty') } }) },
    '/misled': { get: { responses: { 200: { $ref: '#/components/requestBodies/Body' } } } },
    '/same/{id}': {
      get: { parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'integer' } }], responses: ok },
    },
    '/same/{name}': {
      get: { parameters: [{ name: 'name', in: 'path', required: true, schema: { type: 'string' } }], responses: ok },
    },
    '/slow': {
      get: {
        parameters: [{ name: 'q', in: 'query', schema: { type: 'string', pattern: '^(a+)+(?!b)$' } }],
        responses: ok,
      },
    },
    '/nowhere': { post: taking(ref('None')) },
  },
  components: {
    requestBodies: { Body: { content: { 'application/json': { schema: ref('Fine') } } } },
    schemas: {
      Fine: { type: 'object', properties: { a: { type: 'integer' } } },
      Recursive: { type: 'object', required: ['a'], properties: { a: { type: 'integer' }, b: { $recursiveRef: '#' } } },
      Empty: { type: 'string', enum: [] },
      Unused: { type: 'strin' },
    },
  },
}

const declaration = (faults: FaultMode, more: object = {}) => ({ openapi: { document: 'api.json', faults }, ...more })
const status = async (url: string, method = 'GET', body?: unknown): Promise<number> =>
  (
    await fetch(url, {
      method,
      ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    })
  ).status
const load = (t: TestContext, document: object, faults: FaultMode) =>
  loadApiDocument('api.json', { ...documents(t, { 'api.json': JSON.stringify(document, null, 1) }), faults })

test('one fault refuses the whole document unless the upstream file says otherwise', async (t) => {
  for (const openapi of ['api.json', { document: 'api.json' }, { document: 'api.json', faults: 'refuse' }]) {
    const error = await buildApp(
      await apiConfig(
        t,
        { 'a.json': { name: 'a', auth: 'none', targets: ['http://127.0.0.1:9'], openapi } },
        { 'api.json': vendors },
      ),
    ).then(
      () => null,
      (thrown: unknown) => thrown,
    )
    assert.ok(error instanceof BootProblems)
  }
})

test('`omit` leaves out the operations that a fault concerns, with a line for each, and serves the others', async (t) => {
  const { url, backend } = await startApiGateway(t, vendors, declaration('omit'))
  assert.equal(await status(`${url}/fine`), 200)
  assert.equal(await status(`${url}/fine`, 'POST', { a: 'x' }), 400)
  assert.equal(await status(`${url}/same/5`), 200)
  // the path that is kept says what its parameter is
  assert.equal(await status(`${url}/same/x`), 400)
  const reached = backend.received.length
  for (const [path, method] of [
    ['/recursive', 'POST'],
    ['/empty', 'POST'],
    ['/misled', 'GET'],
    ['/slow', 'GET'],
    ['/nowhere', 'POST'],
  ] as const) {
    assert.equal(await status(url + path, method, method === 'POST' ? {} : undefined), 501, path)
  }
  assert.equal(backend.received.length, reached)
  const { paths } = (await (await fetch(`${url}/docs/json`)).json()) as { paths: object }
  assert.deepEqual(Object.keys(paths), ['/fine', '/same/{id}'])
  const { mended } = await load(t, vendors, 'omit')
  for (const line of [
    /^openapi\/api\.json:\d+: left out: POST \/recursive \(components\.schemas\.Recursive\.properties\.b\.\$recursiveRef is a dynamic reference/,
    /: left out: POST \/empty \(components\.schemas\.Empty\.enum is an empty list/,
    /: left out: GET \/misled \(paths\./,
    /: left out: GET \/same\/\{name\} \(paths\.\/same\/\{name\}\.get has the same method and path as GET \/same\/\{id\}/,
    /: left out: GET \/slow \(.*exponential time/,
    /: left out: POST \/nowhere \(.*leads nowhere/,
    /: left out: no operation uses it \(components\.schemas\.Unused\.type/,
  ]) {
    assert.equal(mended!.filter((text) => line.test(text)).length, 1, `${line}:\n${mended!.join('\n')}`)
  }
  assert.equal(mended!.length, 7)
})

test('what is left out is not passed through', async (t) => {
  const { url, backend } = await startApiGateway(t, vendors, declaration('omit', { passThrough: true }))
  assert.equal(await status(`${url}/elsewhere`), 200)
  const reached = backend.received.length
  for (const path of ['/recursive', '/empty', '/nowhere']) assert.equal(await status(url + path, 'POST', {}), 501)
  for (const path of ['/misled', '/slow?q=a', '/%6disled', '/./slow']) assert.equal(await status(url + path), 501, path)
  assert.equal(backend.received.length, reached)
})

test('nor does a path with a parameter take its place, or one that cannot be routed pass through', async (t) => {
  const document = {
    openapi: '3.1.0',
    info: { title: 'T', version: '1' },
    paths: {
      '/{any}': { get: { parameters: [{ name: 'any', in: 'path', required: true, schema: {} }], responses: ok } },
      '/admin': { get: { parameters: [{ name: 'q', in: 'query', schema: { enum: [] } }], responses: ok } },
    },
  }
  const { url, backend } = await startApiGateway(t, document, declaration('omit'))
  assert.equal(await status(`${url}/other`), 200)
  assert.equal(await status(`${url}/admin`), 501)
  assert.equal(backend.received.length, 1)
  const broken = { ...document, paths: { ...document.paths, '/a/{b': { get: { responses: ok } } } }
  const config = async (passThrough: boolean) =>
    apiConfig(
      t,
      { 'a.json': { name: 'a', auth: 'none', targets: ['http://127.0.0.1:9'], passThrough, ...declaration('omit') } },
      { 'api.json': broken },
    )
  await assert.rejects(buildApp(await config(true)), /passThrough/)
  await (await buildApp(await config(false))).close()
})

test('a route of the upstream file stands for an operation that is left out', async (t) => {
  const { url } = await startApiGateway(
    t,
    vendors,
    declaration('omit', { routes: [{ method: 'POST', url: '/empty' }] }),
  )
  assert.equal(await status(`${url}/empty`, 'POST', {}), 200)
})

test('`loosen` lets a faulty schema allow everything, and no more than that one', async (t) => {
  const { url } = await startApiGateway(t, vendors, declaration('loosen'))
  assert.equal(await status(`${url}/recursive`, 'POST', { a: 1, b: 5 }), 200)
  // what stands around the fault still counts
  assert.equal(await status(`${url}/recursive`, 'POST', { a: 'x', b: 5 }), 400)
  assert.equal(await status(`${url}/empty`, 'POST', { a: 5 }), 200)
  assert.equal(await status(`${url}/empty`, 'POST', []), 400)
  assert.equal(await status(`${url}/slow?q=${'a'.repeat(50)}`), 200)
  assert.equal(await status(`${url}/nowhere`, 'POST', { any: 1 }), 200)
  // no schema is at fault there
  assert.equal(await status(`${url}/misled`), 501)
  const { mended } = await load(t, vendors, 'loosen')
  assert.match(
    mended!.join('\n'),
    /: loosened: the schema allows everything \(components\.schemas\.Empty\.enum is an empty list/,
  )
})

test('a loosened schema makes no other one refuse more', async (t) => {
  const faulty = { enum: [] }
  const schemas: Record<string, object> = {
    One: {
      oneOf: [
        { type: 'object', properties: { a: ref('Bad') } },
        { type: 'object', required: ['b'] },
      ],
    },
    Not: { not: { properties: { a: ref('Bad') } } },
    If: { if: { properties: { a: ref('Bad') } }, then: false },
    In: { not: faulty },
    Deep: { oneOf: [{ type: 'string' }, { allOf: [ref('One')] }, { type: 'object' }] },
    Sealed: { allOf: [ref('Bad')], unevaluatedProperties: false },
    Few: { type: 'array', contains: ref('Bad'), maxContains: 1 },
    Bad: { type: 'object', properties: { x: { type: 'string' } }, ...faulty },
  }
  const names = Object.keys(schemas)
  const { url } = await startApiGateway(
    t,
    {
      openapi: '3.1.0',
      info: { title: 'T', version: '1' },
      components: { schemas },
      paths: Object.fromEntries(names.map((name) => [`/${name}`, { post: taking(ref(name)) }])),
    },
    declaration('loosen'),
  )
  for (const name of names) {
    const value = name === 'Few' ? [1, 2, 3] : { a: { x: 'y' }, b: 1 }
    assert.equal(await status(`${url}/${name}`, 'POST', value), 200, name)
  }
  assert.equal(await status(`${url}/One`, 'POST', 5), 400)
})

test('neither mode lets go of who may call, or of a limit', async (t) => {
  const secured = (security: unknown, more: object = {}) => ({
    openapi: '3.1.0',
    info: { title: 'T', version: '1' },
    paths: { '/fine': { get: { responses: ok } }, '/a': { get: { security, responses: ok, ...more } } },
    components: { securitySchemes: { key: { type: 'apiKey', in: 'header', name: 'x-key' } } },
  })
  for (const faults of ['omit', 'loosen'] as const) {
    for (const document of [
      secured([{ other: [] }]),
      secured([{ key: 'x' }]),
      secured('none'),
      secured([], { 'x-internal': 'yes' }),
      secured([], { parameters: [{ name: 'q', in: 'query', schema: { 'x-gatehouse-rate-limit': { max: 1 } } }] }),
    ]) {
      const { operations, omitted } = await load(t, document, faults)
      assert.deepEqual(
        operations.map(({ path }) => path),
        ['/fine'],
        JSON.stringify(document.paths),
      )
      assert.deepEqual(
        omitted!.map(({ path }) => path),
        ['/a'],
      )
    }
    // of the whole document
    for (const broken of [
      { security: [{ other: [] }] },
      { security: 5 },
      { paths: [] },
      { components: 5 },
      { openapi: '4.0' },
    ]) {
      await assert.rejects(load(t, { ...secured([]), ...broken }, faults), BootProblems, JSON.stringify(broken))
    }
  }
})

test('a file that is missing leaves out what needs it, and a faulty Swagger document works the same way', async (t) => {
  const missing = {
    openapi: '3.0.3',
    info: { title: 'T', version: '1' },
    paths: {
      '/fine': { get: { responses: ok } },
      '/gone': { $ref: './gone.yaml' },
      '/part': { get: { parameters: [{ $ref: './gone.yaml#/a' }], responses: ok } },
    },
  }
  const { url } = await startApiGateway(t, missing, declaration('omit'))
  assert.deepEqual(
    [
      await status(`${url}/fine`),
      await status(`${url}/gone`),
      await status(`${url}/gone`, 'DELETE'),
      await status(`${url}/part`),
    ],
    [200, 501, 501, 501],
  )
  const swagger = {
    swagger: '2.0',
    info: { title: 'T', version: '1' },
    paths: {
      '/fine': { get: { responses: ok } },
      '/bad': {
        post: {
          consumes: ['application/json'],
          parameters: [{ name: 'b', in: 'body', schema: { $ref: '#/definitions/Bad' } }],
          responses: ok,
        },
      },
    },
    definitions: { Bad: { type: 'object', properties: { a: { enum: [] } } } },
  }
  assert.deepEqual(
    (await load(t, swagger, 'omit')).operations.map(({ path }) => path),
    ['/fine'],
  )
  const { operations, mended } = await load(t, swagger, 'loosen')
  assert.equal(operations.length, 2)
  assert.match(mended!.join('\n'), /definitions\.Bad\.properties\.a\.enum/)
})
