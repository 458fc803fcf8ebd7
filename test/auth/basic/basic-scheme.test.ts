import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BasicScheme, compileUsers, type KnownUser } from '../../../src/auth/basic/basic-scheme.ts'
import type { AuthRequest } from '../../../src/auth/scheme.ts'
import { hashPassword } from '../../../src/auth/basic/password-hash.ts'

/** Users whose hashes count how often they are asked, and answer when they are let. */
function setUp(
  passwords: Record<string, string> = { ada: 'right', bob: 'other' },
  { rememberMs = 1000, held = false } = {},
) {
  const clock = { now: 0 }
  const hashed: string[] = []
  const held_: (() => void)[] = []
  const users = (): Map<string, KnownUser> =>
    new Map(
      Object.entries(passwords).map(([name, password]) => [
        name,
        {
          consumer: { id: name, scheme: 'basic', scopes: [], groups: [], claims: {} },
          hash: {
            async matches(given) {
              hashed.push(name)
              if (held) {
                await new Promise<void>((resolve) => {
                  held_.push(resolve)
                })
              }
              return given === password
            },
          },
        },
      ]),
    )
  const scheme = new BasicScheme(rememberMs, () => clock.now)
  scheme.replace(users())
  return {
    scheme,
    clock,
    hashed,
    users,
    release: () => held_.splice(0).forEach((go) => go()),
    ask: async (authorization: string, more: string[] = []) => scheme.authenticate(request(authorization, more)),
  }
}

const request = (authorization: string, more: string[] = []): AuthRequest => ({
  headers: { authorization },
  ip: '::1',
  raw: { rawHeaders: ['Authorization', authorization, ...more] },
})
const basic = (pair: string | Buffer): string => `Basic ${Buffer.from(pair).toString('base64')}`
const REFUSED = {
  code: 'GW_UNAUTHORIZED',
  message: 'Send a valid name and password (HTTP Basic) in the Authorization header.',
  headers: { 'www-authenticate': 'Basic realm="gatehouse", charset="UTF-8"' },
}

test('a real hash from end to end', async () => {
  const scheme = new BasicScheme(1000)
  scheme.replace(
    compileUsers([{ name: 'Jürgen', password: await hashPassword('a:b€ '), scopes: ['s'], groups: ['g'] }], 'x'),
  )
  const found = await scheme.authenticate(request(basic('Ju\u0308rgen:a:b€ ')))
  assert.deepEqual(
    { ...found },
    { id: 'Jürgen', scheme: 'basic', scopes: ['s'], groups: ['g'], claims: { name: 'Jürgen' } },
  )
  await assert.rejects(async () => scheme.authenticate(request(basic('Jürgen:a:b€'))), REFUSED)
})

test('a right password is hashed once in a while, a wrong one each time', async () => {
  const { ask, hashed, clock } = setUp()
  assert.equal((await ask(basic('ada:right'))).id, 'ada')
  clock.now = 999
  assert.equal((await ask(basic('ada:right').replace('Basic', 'bASIC'))).id, 'ada')
  assert.equal(hashed.length, 1)
  clock.now = 1000
  await ask(basic('ada:right'))
  assert.equal(hashed.length, 2)
  for (let i = 0; i < 2; i++) await assert.rejects(ask(basic('ada:wrong')), REFUSED)
  assert.deepEqual(hashed, ['ada', 'ada', 'ada', 'ada'])
  const never = setUp(undefined, { rememberMs: 0 })
  for (let i = 0; i < 2; i++) await never.ask(basic('ada:right'))
  assert.equal(never.hashed.length, 2)
})

test('a user who is not there costs one hash of a user who is, always the same one, and never gets in', async () => {
  const { ask, hashed } = setUp({ ada: 'right', bob: 'right' })
  const chosen = new Set<string>()
  for (let i = 0; i < 40; i++) {
    const name = `stranger${i}`
    hashed.length = 0
    // the password fits whoever stands in
    for (let again = 0; again < 2; again++) await assert.rejects(ask(basic(`${name}:right`)), REFUSED)
    assert.equal(hashed.length, 2)
    assert.equal(new Set(hashed).size, 1, name)
    chosen.add(hashed[0]!)
  }
  assert.deepEqual([...chosen].sort(), ['ada', 'bob'], 'each of them now and then')
  await assert.rejects(setUp({}).ask(basic('a:b')), REFUSED)
})

test('what is no name and password in UTF-8 is refused before any hash', async () => {
  const { ask, hashed } = setUp()
  for (const authorization of [
    'Basic',
    'Basic ',
    'Basic ?',
    'Basic YWRh',
    basic('ada'),
    basic(':right'),
    basic(''),
    basic('ada:right\n'),
    basic('a\0da:right'),
    basic('ada:ri\x7Fght'),
    `${basic('ada:right')} x`,
    basic(Buffer.from('ada:\xe9', 'latin1')),
    `Basic ${Buffer.from('ada:right').toString('base64')}=====`,
    `Basic\t${Buffer.from('ada:right').toString('base64')}`,
    basic(`ada:${'x'.repeat(2000)}`),
    'Bearer x',
    '',
  ]) {
    await assert.rejects(ask(authorization), REFUSED, authorization)
  }
  await assert.rejects(ask(basic('ada:right'), ['authorization', basic('bob:other')]), REFUSED)
  assert.deepEqual(hashed, [])
})

test('one hash for one password that comes over several connections at once', async () => {
  const { ask, hashed, release } = setUp(undefined, { held: true })
  const all = Promise.allSettled([ask(basic('ada:right')), ask(basic('ada:right')), ask(basic('ada:wrong'))])
  await new Promise(setImmediate)
  assert.deepEqual(hashed, ['ada', 'ada'])
  release()
  assert.deepEqual(
    (await all).map(({ status }) => status),
    ['fulfilled', 'fulfilled', 'rejected'],
  )
})

test('with new users nothing of the old ones is remembered', async () => {
  const { scheme, ask, hashed, users } = setUp()
  await ask(basic('ada:right'))
  scheme.replace(users())
  await ask(basic('ada:right'))
  assert.equal(hashed.length, 2)
  scheme.replace(new Map())
  await assert.rejects(ask(basic('ada:right')), REFUSED)
})

test('a password that was being hashed when its user went is not remembered', async () => {
  const { scheme, ask, release } = setUp(undefined, { held: true })
  const late = ask(basic('ada:right'))
  await new Promise(setImmediate)
  scheme.replace(new Map())
  release()
  await late
  await assert.rejects(ask(basic('ada:right')), REFUSED)
})

test('it is presented by its word alone', () => {
  const { scheme } = setUp()
  for (const [authorization, presented] of [
    ['Basic x', true],
    ['basic', true],
    ['BASIC  ', true],
    ['Basically x', false],
    ['Bearer x', false],
    ['', false],
  ] as const) {
    assert.equal(scheme.isPresented(request(authorization)), presented, authorization)
  }
  assert.equal(scheme.isPresented({ headers: {}, ip: '', raw: { rawHeaders: [] } }), false)
})

test('users that stand twice, and hashes that are none, are told', () => {
  assert.throws(
    () =>
      compileUsers(
        [
          { name: 'Jürgen', password: '$scrypt$x' },
          { name: 'Ju\u0308rgen', password: '$scrypt$x' },
        ],
        'users.yaml',
      ),
    (error: any) => {
      assert.deepEqual(
        error.problems.map(({ field }: { field: string }) => field),
        ['[0].password', '[1].name', '[1].password'],
      )
      return true
    },
  )
})
