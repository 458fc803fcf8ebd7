import assert from 'node:assert/strict'
import { test } from 'node:test'
import Type, { type TSchema } from 'typebox'
import { checkAgainst, withDefaults } from '../../src/config/schema-check.ts'

const lines = (schema: TSchema, value: unknown): string[] =>
  checkAgainst(schema, value, 'a.ts').map(({ file, field, message }) => {
    assert.equal(file, 'a.ts')
    return `${field}: ${message}`
  })

const closed = { additionalProperties: false }

test('a value that fits has no problems', () => {
  assert.deepEqual(lines(Type.Object({ a: Type.Integer(), b: Type.Optional(Type.String()) }, closed), { a: 1 }), [])
})

test('tells what was found and what is allowed, for every field at once', () => {
  const schema = Type.Object(
    {
      port: Type.Integer({ minimum: 0, maximum: 65535 }),
      max: Type.Integer({ minimum: 1 }),
      few: Type.Number({ maximum: 9 }),
      on: Type.Boolean(),
      level: Type.Enum(['info', 'warn']),
      status: Type.Enum([301, 302]),
      secret: Type.String({ minLength: 8 }),
      name: Type.String({ pattern: '^[a-z]+$', title: 'kebab-case name' }),
      url: Type.String({ pattern: '^https?://' }),
      fixed: Type.Literal('x'),
      list: Type.Array(Type.String(), { minItems: 1, uniqueItems: true }),
    },
    closed,
  )
  const wrong = {
    port: 'abc',
    max: 0,
    few: 10,
    on: 'yes',
    level: 'inf',
    status: 300,
    secret: 'short',
    name: 'A b',
    url: 'ftp://x',
    fixed: 'y',
    list: [],
  }
  assert.deepEqual(lines(schema, wrong).sort(), [
    'few: found 10, allowed: number of at most 9',
    'fixed: found "y", did you mean "x"? allowed: "x"',
    'level: found "inf", did you mean "info"? allowed: one of "info", "warn"',
    'list: found an empty list, allowed: non-empty list of text',
    'max: found 0, allowed: integer of at least 1',
    'name: found "A b", allowed: kebab-case name',
    'on: found "yes", allowed: true or false',
    'port: found "abc", allowed: integer 0 to 65535',
    'secret: found "short", allowed: text of at least 8 characters',
    'status: found 300, allowed: one of 301, 302',
    'url: found "ftp://x", allowed: text that matches ^https?://',
  ])
})

test('a URL without its scheme is told what to put before it', () => {
  const schema = Type.Object(
    {
      url: Type.String({ pattern: '^https?://' }),
      either: Type.Union([Type.Literal(false), Type.String({ pattern: '^(https?://|unix:/)' })]),
      secret: Type.String({ pattern: '^https?://', writeOnly: true }),
    },
    closed,
  )
  const advice = 'put http:// before it, or https:// if it has TLS'
  for (const address of [
    '127.0.0.1:5001',
    'localhost',
    'LOCALHOST:80/a',
    'api.example.com/v1',
    'orders:4001',
    '[::1]:80',
  ]) {
    assert.deepEqual(lines(schema, { url: address, either: address, secret: 'https://x' }), [
      `url: found "${address}": ${advice}`,
      `either: found "${address}": ${advice}`,
    ])
  }
  for (const other of ['ftp://x', 'http:/x', '/path', 'orders', 'u:p@host', 'two words.com', '']) {
    assert.doesNotMatch(lines(schema, { url: other, either: false, secret: 'https://x' }).join(), /put http/, other)
  }
  assert.doesNotMatch(lines(schema, { url: 'http://x', either: false, secret: 'my.secret' }).join(), /my\.secret/)
})

test('names a field by its path', () => {
  const schema = Type.Object({
    routes: Type.Array(Type.Object({ headers: Type.Record(Type.String(), Type.Integer()) })),
  })
  assert.deepEqual(lines(schema, { routes: [{ headers: {} }, { headers: { 'x-a': 'b', 'a/b ~c': 'd' } }] }), [
    'routes[1].headers.x-a: found "b", allowed: integer',
    'routes[1].headers["a/b ~c"]: found "d", allowed: integer',
  ])
})

test('an unknown key is a mistake, with a suggestion when one is near', () => {
  const schema = Type.Object({ method: Type.Optional(Type.String()), url: Type.Optional(Type.String()) }, closed)
  assert.deepEqual(lines(schema, { metod: 'GET', banana: 1 }), [
    'metod: unknown key, did you mean "method"?',
    'banana: unknown key, allowed: method, url',
  ])
  assert.deepEqual(lines(schema, JSON.parse('{ "__proto__": { "method": 1 }, "constructor": 1, "a\\nb": 1 }')), [
    '__proto__: unknown key, allowed: method, url',
    'constructor: unknown key, allowed: method, url',
    '["a\\nb"]: unknown key, allowed: method, url',
  ])
})

test('a required key that was mistyped is one problem', () => {
  const schema = Type.Object({ method: Type.String(), url: Type.String() }, closed)
  assert.deepEqual(lines(schema, { metod: 'GET' }), [
    'url: is missing, allowed: text',
    'metod: unknown key, did you mean "method"?',
  ])
})

test('a map takes no other names than its pattern says', () => {
  const schema = Type.Record(Type.String({ pattern: '^[a-z]+$' }), Type.String())
  assert.deepEqual(lines(schema, { 'a b': 'x', ok: 'y' }), [
    '["a b"]: this name is not allowed here, allowed: names that match ^[a-z]+$',
  ])
})

test('a list with the same item twice', () => {
  assert.deepEqual(lines(Type.Array(Type.String(), { uniqueItems: true }), ['a', 'b', 'a']), [
    ': items 0 and 2 are the same, allowed: each item once',
  ])
})

const Limit = Type.Object({ max: Type.Integer(), by: Type.Optional(Type.String()) }, closed)
const Union = Type.Object(
  { limit: Type.Union([Type.Literal(false), Limit], { title: 'false, or { max, by }' }) },
  closed,
)

test('a failed union is one problem, in the words of its title', () => {
  assert.deepEqual(lines(Union, { limit: 'x' }), ['limit: found "x", allowed: false, or { max, by }'])
  assert.deepEqual(lines(Union, { limit: true }), ['limit: found true, allowed: false, or { max, by }'])
  assert.deepEqual(lines(Union, { limit: { banana: 1 } }), [
    'limit: found an object with the key "banana", allowed: false, or { max, by }',
  ])
  assert.deepEqual(lines(Type.Union([Type.Integer(), Type.Literal('auto')]), null), [
    ': found null, allowed: integer or "auto"',
  ])
})

test('a value that clearly is one branch gets the problems of that branch', () => {
  assert.deepEqual(lines(Union, { limit: { max: 'x', bye: 1 } }), [
    'limit.bye: unknown key, did you mean "by"?',
    'limit.max: found "x", allowed: integer',
  ])
})

test('unions inside unions and inside lists are told by the branch that was meant', () => {
  const schema = Type.Object({
    targets: Type.Array(
      Type.Union(
        [
          Type.String({ pattern: '^http' }),
          Type.Object({ url: Type.String(), limit: Type.Optional(Type.Union([Type.Literal(false), Limit])) }, closed),
        ],
        { title: 'URL, or { url, limit }' },
      ),
    ),
  })
  assert.deepEqual(lines(schema, { targets: ['http://a', 5, { url: 'x', limit: { max: true } }, { url: 7 }] }), [
    'targets[1]: found 5, allowed: URL, or { url, limit }',
    'targets[2].limit.max: found true, allowed: integer',
    'targets[3].url: found 7, allowed: text',
  ])
  const list = Type.Union([Type.Literal('none'), Limit, Type.Array(Limit)], { title: 'limits' })
  assert.deepEqual(lines(list, [{ max: 1 }, { max: 'x' }]), ['[1].max: found "x", allowed: integer'])
})

test('of two object branches the one that knows more of the keys counts', () => {
  const schema = Type.Union(
    [
      Type.Object({ url: Type.String(), weight: Type.Integer() }, closed),
      Type.Object({ url: Type.String(), path: Type.Integer(), name: Type.Integer() }, closed),
    ],
    { title: 'either' },
  )
  assert.deepEqual(lines(schema, { url: 'x', path: 'y', name: 1 }), ['path: found "y", allowed: integer'])
  assert.deepEqual(lines(schema, { url: 'x' }), [': found an object with the key "url", allowed: either'])
})

test('shows values of every kind on one line, never a whole object', () => {
  const schema = Type.Object({ a: Type.Integer() })
  const shown = (a: unknown): string => lines(schema, { a })[0]!
  assert.equal(shown({ password: 'hunter2' }), 'a: found an object with the key "password", allowed: integer')
  assert.equal(shown(['hunter2']), 'a: found a list, allowed: integer')
  assert.equal(
    shown(() => {}),
    'a: found a function, allowed: integer',
  )
  assert.equal(shown(10n), 'a: found 10n, allowed: integer')
  assert.equal(shown(NaN), 'a: found NaN, allowed: integer')
  assert.equal(shown('a\nb'), 'a: found "a\\nb", allowed: integer')
  assert.equal(shown('x'.repeat(100)), `a: found "${'x'.repeat(60)}…", allowed: integer`)
  assert.equal(shown('http://me:hunter2@host/'), 'a: found "http://***@host/", allowed: integer')
})

test('never shows what is marked as a secret', () => {
  const schema = Type.Object(
    { jwt: Type.Object({ secret: Type.String({ minLength: 32, writeOnly: true }) }, closed) },
    closed,
  )
  assert.deepEqual(lines(schema, { jwt: { secret: 'hunter2' } }), [
    'jwt.secret: found text of 7 characters (not shown), allowed: text of at least 32 characters',
  ])
  assert.deepEqual(lines(schema, { jwt: 'hunter2' }), [
    'jwt: found text of 7 characters (not shown), allowed: object with the keys secret',
  ])
  assert.deepEqual(lines(schema, { jwt: { secret: 1234 } }), [
    'jwt.secret: found a number (not shown), allowed: text of at least 32 characters',
  ])
})

test('a value of the wrong kind altogether', () => {
  assert.deepEqual(lines(Type.Object({ a: Type.Integer() }), undefined), [
    ': found nothing, allowed: object with the keys a',
  ])
  assert.deepEqual(lines(Type.Object({ a: Type.Integer() }), []), [
    ': found an empty list, allowed: object with the keys a',
  ])
})

test('defaults are filled in, inside objects, lists and unions too', () => {
  const schema = Type.Object({
    port: Type.Integer({ default: 3000 }),
    log: Type.Object(
      { level: Type.String({ default: 'info' }), access: Type.Boolean({ default: true }) },
      { default: {} },
    ),
    docs: Type.Union([Type.Literal(false), Type.Object({ path: Type.String({ default: '/docs' }) })], { default: {} }),
    metrics: Type.Union([Type.Literal(false), Type.Object({ path: Type.String({ default: '/metrics' }) })], {
      default: false,
    }),
    list: Type.Array(Type.Object({ weight: Type.Integer({ default: 1 }) }), { default: [] }),
    jwt: Type.Optional(Type.Object({ size: Type.Integer({ default: 9 }) })),
  })
  assert.deepEqual(withDefaults(schema, {}), {
    port: 3000,
    log: { level: 'info', access: true },
    docs: { path: '/docs' },
    metrics: false,
    list: [],
  })
  assert.deepEqual(
    withDefaults(schema, {
      port: undefined,
      log: { level: 'warn' },
      docs: false,
      metrics: {},
      list: [{}, { weight: 2 }],
      jwt: {},
    }),
    {
      port: 3000,
      log: { level: 'warn', access: true },
      docs: false,
      metrics: { path: '/metrics' },
      list: [{ weight: 1 }, { weight: 2 }],
      jwt: { size: 9 },
    },
  )
})

test('defaults change neither the value nor the schema, and keep what is wrong for the check', () => {
  const schema = Type.Object({ log: Type.Object({ level: Type.String({ default: 'info' }) }, { default: {} }) })
  const value = Object.freeze({ log: Object.freeze({}), banana: 1 })
  assert.deepEqual(withDefaults(schema, value), { log: { level: 'info' }, banana: 1 })
  const first = withDefaults(schema, {}) as { log: { level: string } }
  first.log.level = 'changed'
  assert.deepEqual(withDefaults(schema, {}), { log: { level: 'info' } })
  assert.deepEqual(withDefaults(schema, { log: 5 }), { log: 5 })
  assert.deepEqual(withDefaults(schema, [1]), [1])
  const polluted = withDefaults(schema, JSON.parse('{ "__proto__": { "polluted": true } }')) as object
  assert.ok(Object.hasOwn(polluted, '__proto__'))
  assert.equal(({} as { polluted?: boolean }).polluted, undefined)
})
