import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadText, problemsOf } from '../document-folder.ts'

const api = (paths: string, rest = ''): string =>
  `openapi: 3.1.0\ninfo: { title: T, version: '1' }\n${rest}paths:\n${paths}`

test('operations that cannot be told apart, and schemes that nobody knows, are refused', async (t) => {
  assert.deepEqual(
    await problemsOf(
      loadText(
        t,
        api(`  /a/{x}: { get: {} }
  /a/{y}: { get: { security: [{ nokey: [] }] }, post: {} }
  /b/{x: { get: {} }
  c: { get: {} }
  /d/{id}: { get: { parameters: [{ in: path, name: ID, required: true, style: form, schema: {} }] } }
`),
      ),
    ),
    [
      'openapi/api.yaml:6: paths./b/{x: has a brace that stands for itself or is not closed, allowed: {name} within one segment',
      'openapi/api.yaml:7: paths.c: is not a path, allowed: one that starts with "/"',
      'openapi/api.yaml:5: paths./a/{y}.get: has the same method and path as GET /a/{x}: parameter names do not distinguish paths',
      'openapi/api.yaml:5: paths./a/{y}.get.security[0].nokey: names no security scheme of the document, allowed: none, since it has none',
      'openapi/api.yaml:8: paths./d/{id}.get.parameters[0].style: is "form" in a path parameter, allowed: simple, label, matrix',
      'openapi/api.yaml:8: paths./d/{id}.get: has the path parameter "ID", which is not in its path, and none for {id}: use one name for both',
    ],
  )
})

test('what is read and not enforced is noted once for each kind', async (t) => {
  const { operations, notes } = await loadText(
    t,
    api(
      `  /a: { get: { operationId: x, parameters: [{ in: path, name: id, required: true, schema: {} }], foo: 1, paramters: [] } }
  /b/{id}: { get: { operationId: x, callbacks: { done: { '{$url}': { post: {} } } } } }
  /c?x=1: { get: {} }
`,
      'webhooks: { new: { post: {} } }\n',
    ),
  )
  assert.deepEqual(
    operations.map(({ path, parameters }) => [path, parameters]),
    [
      ['/a', []],
      ['/b/{id}', []],
    ],
  )
  assert.deepEqual(notes, [
    'the field "foo" is not known there and is ignored (openapi/api.yaml:5)',
    'the field "paramters" is not known there and is ignored, did you mean "parameters"? (openapi/api.yaml:5)',
    'an operation has no responses, so any is allowed (openapi/api.yaml:5, openapi/api.yaml:6 and 1 more)',
    'callbacks are documented only (openapi/api.yaml:6)',
    'webhooks are documented only (openapi/api.yaml:3)',
    'paths with "?" or "#" cannot be routed and are left out (openapi/api.yaml:7)',
    'a path parameter is not in its path and is ignored (openapi/api.yaml:5)',
    'the operationId "x" is used by more than one operation (openapi/api.yaml:6)',
    'a name in a path has no parameter, so that any text is allowed there (openapi/api.yaml:6)',
  ])
})
