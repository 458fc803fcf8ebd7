import assert from 'node:assert/strict'
import { test } from 'node:test'
import createRouter from 'find-my-way'
import { routerPath } from '../../src/validation/path-reader.ts'

test('paths of documents become patterns that the router reads alike', () => {
  for (const [path, target, expected] of [
    ['/pets/{petId}.{ext}', '/pets/a.b', ['a', 'b']],
    ['/v1/{name}:cancel', '/v1/x:cancel', ['x']],
    ['/v1/{name}:cancel', '/v1/x:other', null],
    ['/a/{pet-id}/b', '/a/1/b', ['1']],
    ['/x:y/{a}', '/x:y/1', ['1']],
    ['/f({a},{b})', '/f(1,2)', ['1', '2']],
    ['/{__proto__}/{constructor}', '/1/2', ['1', '2']],
    ['/q*/{a}', '/q*/1', ['1']],
    ['/q*/{a}', '/qq/1', null],
    ['/a%20b/{x}', '/a%20b/1', ['1']],
  ] as const) {
    const { url, parameters } = routerPath(path)
    const router = createRouter()
    router.on('GET', url, () => {})
    const params = router.find('GET', target)?.params
    assert.deepEqual(params ? parameters.map(([name]) => params[name]) : null, expected, `${path} ${url}`)
  }
  assert.throws(() => routerPath('/x?a={b}'), /no query/)
})
