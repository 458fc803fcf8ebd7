import assert from 'node:assert/strict'
import { chmod, chown, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { demoSecret, SECRET_FILE } from '../../demo/secret.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const SECRET = /^[0-9a-f]{64}$/

test('the secret is made once, for its owner alone, and is the same ever after', async (t) => {
  const folder = await temporaryFolder(t)
  const made = await demoSecret(folder)
  assert.match(made.secret, SECRET)
  assert.equal(made.note, undefined)
  assert.equal((await stat(join(folder, SECRET_FILE))).mode & 0o777, 0o600)
  assert.deepEqual(await demoSecret(folder), made)
  assert.deepEqual(await readdir(folder), [SECRET_FILE], 'nothing else is left behind')
})

test('demos that start at once share one', async (t) => {
  const folder = await temporaryFolder(t)
  const secrets = await Promise.all(Array.from({ length: 20 }, () => demoSecret(folder)))
  assert.equal(new Set(secrets.map(({ secret }) => secret)).size, 1)
  assert.deepEqual(await readdir(folder), [SECRET_FILE])
})

for (const [name, content] of [
  ['empty', ''],
  ['short', 'abc\n'],
  ['of something else', `${'x'.repeat(64)}\n`],
  ['large', 'a'.repeat(100_000)],
] as const) {
  test(`a file that is ${name} is made anew, with a word about it`, async (t) => {
    const folder = await temporaryFolder(t)
    await writeFile(join(folder, SECRET_FILE), content, { mode: 0o600 })
    const made = await demoSecret(folder)
    assert.match(made.secret, SECRET)
    assert.match(
      made.note!,
      /^\.demo-secret held no secret of the demo and was made anew: tokens printed before are no longer valid$/,
    )
    assert.deepEqual(await demoSecret(folder), { secret: made.secret, note: undefined })
    assert.equal((await stat(join(folder, SECRET_FILE))).mode & 0o777, 0o600)
  })
}

test(
  'a file that others can read is one that they may know: it is made anew',
  { skip: process.platform === 'win32' },
  async (t) => {
    const folder = await temporaryFolder(t)
    const { secret } = await demoSecret(folder)
    await chmod(join(folder, SECRET_FILE), 0o644)
    const made = await demoSecret(folder)
    assert.notEqual(made.secret, secret)
    assert.match(made.note!, /could be read by others/)
  },
)

test(
  'what is no file of this user is an error that says what to do',
  { skip: process.platform === 'win32' },
  async (t) => {
    const folder = await temporaryFolder(t)
    const path = join(folder, SECRET_FILE)
    await mkdir(path)
    await assert.rejects(demoSecret(folder), /\.demo-secret is no plain file: remove it/)
    await rm(path, { recursive: true })

    await writeFile(join(folder, 'elsewhere'), `${'0'.repeat(64)}\n`, { mode: 0o600 })
    await symlink('elsewhere', path)
    await assert.rejects(demoSecret(folder), /\.demo-secret is no plain file: remove it/)
    assert.equal(await readFile(join(folder, 'elsewhere'), 'utf8'), `${'0'.repeat(64)}\n`)
    await rm(path)

    if (process.getuid!() !== 0) return
    await writeFile(path, `${'0'.repeat(64)}\n`, { mode: 0o600 })
    await chown(path, 65534, 65534)
    await assert.rejects(demoSecret(folder), /\.demo-secret belongs to another user: remove it/)
  },
)

test('where it cannot be kept, the demo runs with one for this time', async (t) => {
  const folder = join(await temporaryFolder(t), 'missing')
  const [first, second] = [await demoSecret(folder), await demoSecret(folder)]
  assert.match(first.secret, SECRET)
  assert.notEqual(first.secret, second.secret)
  assert.match(first.note!, /^\.demo-secret cannot be written \(ENOENT\): the tokens end with this demo$/)
})
