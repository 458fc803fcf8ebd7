import assert from 'node:assert/strict'
import { scryptSync } from 'node:crypto'
import { test } from 'node:test'
import { hashPassword, parsePasswordHash, type PasswordHash, HashQueue } from '../../../src/auth/basic/password-hash.ts'

const read = (text: string): PasswordHash => {
  const hash = parsePasswordHash(text)
  if (typeof hash === 'string') assert.fail(hash)
  return hash
}

/** A scrypt hash in the form of Python's passlib. */
function scryptHash(password: string, { ln = 14, r = 8, p = 1, bytes = 32 } = {}): string {
  const unpadded = (buffer: Buffer): string => buffer.toString('base64').replaceAll('=', '')
  const salt = Buffer.from('0123456789abcdef')
  return `$scrypt$ln=${ln},r=${r},p=${p}$${unpadded(salt)}$${unpadded(scryptSync(password, salt, bytes, { N: 2 ** ln, r, p, maxmem: 2 ** 28 }))}`
}

test('a new hash is argon2id with a salt of its own, and fits its password alone', async () => {
  const [one, two] = await Promise.all([hashPassword('pässword'), hashPassword('pässword')])
  assert.match(one, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}$/)
  assert.notEqual(one, two)
  assert.equal(await read(one).matches('pässword'), true)
  assert.equal(await read(one).matches('pa\u0308ssword'), true, 'composed differently')
  for (const wrong of ['', 'password', 'pässword ', 'Pässword']) {
    assert.equal(await read(one).matches(wrong), false, wrong)
  }
})

test('a hash of another maker is understood', async () => {
  const foreign = read(scryptHash('hunter2'))
  assert.equal(await foreign.matches('hunter2'), true)
  assert.equal(await foreign.matches('hunter3'), false)
  // a test vector of the reference implementation
  const reference = read('$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc')
  assert.equal(await reference.matches('password'), true)
  const long = read(scryptHash('hunter2', { bytes: 64 }))
  assert.equal(await long.matches('hunter2'), true)
})

test('weak, extravagant and broken hashes are refused without being shown', () => {
  const salt = 'c2FsdHNhbHRzYWx0'
  const tag = 'A'.repeat(43)
  for (const [text, why] of [
    [`$argon2id$v=19$m=4096,t=3,p=1$${salt}$${tag}`, /too weak/],
    [`$argon2id$v=19$m=19456,t=2,p=0$${salt}$${tag}`, /too weak/],
    [`$argon2id$v=19$m=999999999,t=2,p=1$${salt}$${tag}`, /more memory/],
    [`$argon2id$v=19$m=19456,t=999,p=1$${salt}$${tag}`, /more memory/],
    [`$argon2id$v=19$m=19456,t=2,p=200$${salt}$${tag}`, /more memory/],
    [`$argon2i$v=19$m=19456,t=2,p=1$${salt}$${tag}`, /no hash of the form/],
    [`$argon2id$v=16$m=19456,t=2,p=1$${salt}$${tag}`, /no hash of the form/],
    [`$argon2id$v=19$m=19456,t=2,p=1$${salt}$AAAA`, /no hash of the form/],
    [`$argon2id$v=19$m=19456,t=2,p=1$$${tag}`, /no hash of the form/],
    [`$scrypt$ln=13,r=8,p=1$${salt}$${tag}`, /too weak/],
    [`$scrypt$ln=30,r=8,p=1$${salt}$${tag}`, /more memory/],
    [`$scrypt$ln=17,r=8,p=99$${salt}$${tag}`, /more memory/],
    ['$2y$10$abcdefghijklmnopqrstuv', /no hash of the form/],
    ['hunter2', /no hash of the form/],
    ['', /no hash of the form/],
  ] as const) {
    const found = parsePasswordHash(text)
    if (typeof found !== 'string') assert.fail(text)
    assert.match(found, why, text)
    assert.ok(text === '' || !found.includes(text))
  }
})

test('two hashes at once, in their order, and too many are refused', async () => {
  const queue = new HashQueue()
  const open: (() => void)[] = []
  let most = 0
  let running = 0
  const work = (i: number) => async () => {
    most = Math.max(most, ++running)
    await new Promise<void>((resolve) => {
      open.push(resolve)
    })
    running--
    return i
  }
  const results = Array.from({ length: 66 }, (_, i) => queue.run(work(i)))
  await assert.rejects(queue.run(work(99)), { code: 'GW_AUTH_UNAVAILABLE', statusCode: 503 })
  const all = Promise.all(results)
  for (let done = 0; done < 66; done++) {
    while (open.length === 0) await new Promise(setImmediate)
    open.shift()!()
  }
  assert.deepEqual(
    await all,
    Array.from({ length: 66 }, (_, i) => i),
  )
  assert.equal(most, 2)
})

test('a failure gives its place back', async () => {
  const queue = new HashQueue()
  for (let i = 0; i < 10; i++) {
    await assert.rejects(
      queue.run(async () => {
        throw new Error('no')
      }),
      /no/,
    )
  }
  assert.equal(await queue.run(async () => 'yes'), 'yes')
})
