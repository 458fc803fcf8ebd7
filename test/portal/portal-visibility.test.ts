import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AuthDeclaration } from '../../src/auth/auth-schema.ts'
import { isVisible } from '../../src/portal/portal-visibility.ts'
import { importedDocument, importedRoutes } from '../support/imported-document.ts'

const visible = (auth: AuthDeclaration, ...hideScopes: string[]): boolean =>
  isVisible({ method: 'GET', url: '/x', config: { auth } }, hideScopes)

test('an operation that cannot be called without a hidden scope is hidden', () => {
  assert.equal(visible({ jwt: { scopes: ['orders:read', 'admin:all'] } }, 'x', 'admin:*'), false)
  assert.equal(visible({ jwt: { scopes: ['admin'] } }, 'admin:*'), true)
  assert.equal(visible({ jwt: { scopes: ['admin'] } }, 'admin'), false)
  assert.equal(visible({ jwt: { scopes: ['administrator'] } }, 'admin'), true)
  assert.equal(visible({ jwt: { scopes: ['any'] } }, '*'), false)
  assert.equal(visible({ jwt: {} }, '*'), true)
  assert.equal(visible('none', '*'), true)
})

test('another way in, or none that is needed, leaves it to be seen', () => {
  const [admin, user] = [{ jwt: { scopes: ['admin:all'] } }, { apiKey: {} }]
  assert.equal(visible([admin, user], 'admin:*'), true)
  assert.equal(visible([admin, { apiKey: { scopes: ['admin:keys'] } }], 'admin:*'), false)
  assert.equal(visible({ all: [user, admin] }, 'admin:*'), false)
  assert.equal(visible({ optional: admin }, 'admin:*'), true)
})

test('routes that are hidden, internal, without auth or with a wildcard are not told of', () => {
  for (const route of [
    { method: 'GET', url: '/x', schema: { hide: true }, config: { auth: 'none' as const } },
    { method: 'GET', url: '/x/*', config: { auth: 'none' as const } },
    { method: 'GET', url: '/x', config: {} },
  ]) {
    assert.equal(isVisible(route, []), false)
  }
  const responses = { 200: { description: 'x' } }
  const seen = importedRoutes(
    importedDocument({
      paths: {
        '/a': { 'x-internal': true, get: { responses }, put: { 'x-internal': false, responses } },
        '/b': { get: { 'x-internal': true, responses }, put: { responses } },
      },
    }),
  ).filter((route) => isVisible(route, []))
  assert.deepEqual(
    seen.map(({ method, url }) => `${method} ${url}`),
    ['PUT /orders/a', 'PUT /orders/b'],
  )
})
