import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SchemaObject } from '../../../src/schema/json-schema.ts'
import { BootProblems } from '../../../src/errors.ts'
import { apiChanges } from '../../../src/openapi/diff/document-diff.ts'
import { API_CHANGES, changed, shop } from '../../support/api-changes.ts'
import { apiDocument } from '../../support/api-document.ts'

const between = (before: SchemaObject, after: SchemaObject) =>
  apiChanges(apiDocument(before, 'old.yaml'), apiDocument(after, 'new.yaml'))

for (const change of API_CHANGES) {
  test(`${change.name} ${change.breaks ? 'breaks clients' : 'breaks nobody'}`, () => {
    const { before, after } = changed(change)
    const found = between(before, after).filter(({ level }) => level === 'breaking')
    if (change.breaks) {
      assert.ok(
        found.some(({ message, part }) => change.says!.test(message) || change.says!.test(part)),
        JSON.stringify(found, null, 2),
      )
    } else assert.deepEqual(found, [])
  })
}

test('a change of a shared schema is told once, with all operations, its place and its pointers', () => {
  const after = shop()
  after.components.schemas.Order.properties.item.type = 'integer'
  const changes = between(shop(), after)
  assert.equal(changes.length, 1, JSON.stringify(changes, null, 2))
  const [{ operations, part, where, before, level, message }] = changes as [(typeof changes)[0]]
  assert.deepEqual(operations, ['GET /orders', 'POST /orders', 'GET /orders/{id}'])
  assert.equal(part, 'response 200 application/json: [].item')
  assert.equal(where, 'new.yaml:1')
  assert.equal(before, '/components/schemas/Order/properties/item')
  assert.equal(level, 'breaking')
  assert.match(message, /^the type is integer, was string: clients get values/)
})

test('what no comparison can judge is told as such', () => {
  const after = shop()
  after.components.schemas.NewOrder.properties.item.not = { const: 'poison' }
  delete after.paths['/orders/{id}'].get.responses[404]
  after.paths['/orders'].get.parameters.pop()
  const changes = between(shop(), after)
  assert.deepEqual(
    changes.map(({ level }) => level),
    ['unsure', 'unsure', 'unsure'],
  )
  assert.deepEqual(changes.map(({ rule }) => rule).sort(), ['not', 'parameter-removed', 'response-removed'])
})

test('schemas that contain each other are compared, in time', () => {
  const after = shop()
  const { schemas } = after.components
  schemas.Order.properties.children = {
    type: 'array',
    items: { allOf: [{ $ref: '#/components/schemas/Order' }, { $ref: '#/components/schemas/Tree' }] },
  }
  schemas.Tree = {
    type: 'object',
    properties: {
      order: { $ref: '#/components/schemas/Order' },
      next: { anyOf: [{ $ref: '#/components/schemas/Tree' }, { type: 'null' }] },
    },
  }
  schemas.Self = { $ref: '#/components/schemas/Self' }
  schemas.Order.properties.self = { $ref: '#/components/schemas/Self' }
  assert.deepEqual(between(shop(), after), [])
  const later = structuredClone(after)
  later.components.schemas.Tree.properties.next = { $ref: '#/components/schemas/Order' }
  assert.ok(between(after, later).some(({ level }) => level === 'breaking'))
})

test('a document that multiplies its alternatives is refused, not compared for ever', () => {
  const before = shop()
  const two = { oneOf: [{ required: ['a'] }, { required: ['b'] }] }
  before.components.schemas.NewOrder.allOf = Array.from({ length: 40 }, () => structuredClone(two))
  const started = process.cpuUsage()
  assert.throws(
    () => between(before, shop()),
    (error: unknown) =>
      error instanceof BootProblems && error.message.includes('POST /orders') && error.message.includes('too complex'),
  )
  assert.ok(process.cpuUsage(started).user < 5_000_000)
})

test('a document without operations, and references into nothing, are compared', () => {
  assert.deepEqual(between({ openapi: '3.1.0' }, shop()), [])
  assert.equal(between(shop(), { openapi: '3.1.0' }).length, 3)
  const hollow = shop()
  delete hollow.components
  assert.ok(between(shop(), hollow).length > 0)
  assert.ok(Array.isArray(between(hollow, shop())))
})
