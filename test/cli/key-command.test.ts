import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, existsSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import { parsePasswordHash } from '../../src/auth/basic/password-hash.ts'
import { KeyFile } from '../../src/cli/key-file.ts'
import { runCommand } from '../support/command.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
const entry = (name: string) => ({ name, sha256: sha256(name) })
const NAMES = {
  'gatehouse.config.yaml': 'apiKeys:\n  file: secrets/keys.yaml\n',
  'secrets/keys.yaml': `# ours\n- name: old # theirs\n  sha256: ${sha256('old')}\n`,
}

test('a key is made, shown once, listed without its hash, and revoked', async (t) => {
  const cwd = temporaryFolder(t, NAMES)
  const run = (...words: string[]) => runCommand(t, ['key', ...words], { cwd })
  const file = join(cwd, 'secrets/keys.yaml')
  const before = Date.now()
  const made = await run(
    'create',
    '--name',
    'ada',
    '--scopes',
    'a:read, b',
    '--groups',
    'staff',
    '--expires',
    '90d',
    '--addresses',
    '10.0.0.0/8',
  )
  assert.equal(made.code, 0)
  assert.match(made.stdout, /^gh_\w{8}_[\w-]{49}\n$/)
  const [ours, theirs] = readFileSync(file, 'utf8').split('- name: ada')
  assert.equal(ours, NAMES['secrets/keys.yaml'], 'what stands there stays, comments too')
  const { id, expires, ...rest } = parse(`- name: ada${theirs}`)[0]
  assert.deepEqual(rest, {
    name: 'ada',
    sha256: sha256(made.stdout.trim()),
    scopes: ['a:read', 'b'],
    groups: ['staff'],
    addresses: ['10.0.0.0/8'],
  })
  assert.ok(Math.abs(Date.parse(expires) - before - 90 * 86_400_000) < 60_000)
  assert.equal(made.stderr, `Stored in secrets/keys.yaml as ada (${id}). The key, shown this once:\n`)
  assert.ok(!readFileSync(file, 'utf8').includes(made.stdout.trim()))
  const { stdout } = await run('list', '--file', 'secrets/keys.yaml')
  assert.deepEqual(
    stdout.split('\n').map((line) => line.replace(/ {2,}/g, '|')),
    [
      'NAME|ID|SCOPES|GROUPS|ADDRESSES|EXPIRES',
      'old|-|-|-|any|never',
      `ada|${id}|a:read,b|staff|10.0.0.0/8|${expires}`,
      '',
    ],
  )
  const revoked = await run('revoke', id, '--file', 'secrets/keys.yaml')
  assert.deepEqual([revoked.code, revoked.stderr], [0, `Revoked ada (${id}) in secrets/keys.yaml.\n`])
  assert.equal(readFileSync(file, 'utf8'), NAMES['secrets/keys.yaml'])
  assert.deepEqual(await run('revoke', id, '--file', 'secrets/keys.yaml'), {
    code: 1,
    stdout: '',
    stderr: `gatehouse: secrets/keys.yaml has no key with the name or id "${id}"\n`,
  })
})

test('with nowhere to store it, a key comes with the entry to write down', async (t) => {
  const cwd = temporaryFolder(t)
  const { code, stdout, stderr } = await runCommand(t, ['key', 'create', '--name', 'ada'], { cwd })
  assert.equal(code, 0)
  const [written] = parse(/(- name[^]*)The key/.exec(stderr)![1]!)
  assert.equal(written.sha256, sha256(stdout.trim()))
  const { code: refused, stderr: why } = await runCommand(t, ['key', 'revoke', 'ada'], { cwd })
  assert.equal(refused, 1)
  assert.match(why, /neither a file of keys \(apiKeys\.file\) nor Redis/)
})

test('what is wrong with a key is told by its options, and nothing is made', async (t) => {
  const cwd = temporaryFolder(t)
  const run = async (...words: string[]) => {
    const { code, stdout, stderr } = await runCommand(t, ['key', 'create', '--file', 'keys.yaml', ...words], { cwd })
    assert.deepEqual([code, stdout], [1, ''])
    return stderr
  }
  assert.match(
    await run('--name', 'ada', '--expires', '2027-02-31', '--addresses', 'here'),
    /--expires: found "2027-02-31", which is no day.*\n.*--addresses\[0\]: found "here"/,
  )
  assert.match(
    await run('--name', '', '--expires', 'soon', '--scopes', 'a"b'),
    /--name: .*\n.*--scopes\[0\]: .*\n.*--expires: /,
  )
  assert.match(await run(), /required option '-n, --name <name>' not specified/)
  assert.ok(!existsSync(join(cwd, 'keys.yaml')))
})

test('a keys file is new or keeps its rights, a link stays one, JSON stays JSON', async (t) => {
  const folder = temporaryFolder(t, { 'shared.json': '[]' })
  const path = (name: string): string => join(folder, name)
  await new KeyFile(path('keys.yaml'), 'keys.yaml').add(entry('a'))
  assert.equal(statSync(path('keys.yaml')).mode & 0o777, 0o600)
  chmodSync(path('shared.json'), 0o640)
  symlinkSync('shared.json', path('link.json'))
  const file = new KeyFile(path('link.json'), 'link.json')
  await file.add(entry('a'))
  await file.add(entry('b'))
  assert.deepEqual(JSON.parse(readFileSync(path('shared.json'), 'utf8')), [entry('a'), entry('b')])
  assert.equal(statSync(path('shared.json')).mode & 0o777, 0o640)
  await file.remove(await file.list())
  assert.deepEqual(JSON.parse(readFileSync(path('shared.json'), 'utf8')), [])
  assert.throws(() => new KeyFile(path('keys.txt'), 'keys.txt'), /keys\.txt cannot hold keys/)
})

test('a broken file, and one that somebody else is changing, stay as they are', async (t) => {
  const folder = temporaryFolder(t, {
    'broken.yaml': '- name: a\n  sha256: secret\n',
    'busy.yaml': '[]\n',
    'busy.yaml.new': 'theirs',
  })
  const text = (name: string): string => readFileSync(join(folder, name), 'utf8')
  await assert.rejects(
    new KeyFile(join(folder, 'broken.yaml'), 'broken.yaml').add(entry('b')),
    (error: Error) => /broken\.yaml:2: \[0\]\.sha256/.test(error.message) && !error.message.includes('secret'),
  )
  assert.equal(text('broken.yaml'), '- name: a\n  sha256: secret\n')
  assert.ok(!existsSync(join(folder, 'broken.yaml.new')))
  const busy = new KeyFile(join(folder, 'busy.yaml'), 'busy.yaml')
  await assert.rejects(busy.add(entry('b')), /busy\.yaml is being changed by somebody else/)
  assert.deepEqual([text('busy.yaml'), text('busy.yaml.new')], ['[]\n', 'theirs'])
  await assert.rejects(
    new KeyFile(join(folder, 'no/keys.yaml'), 'no/keys.yaml').add(entry('b')),
    /no\/keys\.yaml cannot be written: no such file/,
  )
})

test('a name revokes all of its keys, and an id only its own', async (t) => {
  const folder = temporaryFolder(t)
  const file = join(folder, 'keys.yaml')
  const list = [
    { ...entry('a'), id: 'one' },
    { ...entry('b'), name: 'a', id: 'two' },
    { ...entry('c'), name: 'one', id: 'three' },
    { ...entry('d'), id: 'four' },
  ]
  writeFileSync(file, JSON.stringify(list))
  const { revokeKeys } = await import('../../src/cli/key-command.ts')
  const left = (): string[] => parse(readFileSync(file, 'utf8')).map(({ id }: { id: string }) => id)
  assert.equal(await revokeKeys('one', { file }), 0)
  assert.deepEqual(left(), ['two', 'three', 'four'])
  assert.equal(await revokeKeys('a', { file }), 0)
  assert.deepEqual(left(), ['three', 'four'])
})

test('a password is hashed from standard input', async (t) => {
  const hash = (input: string) =>
    spawnSync(process.execPath, [fileURLToPath(new URL('../../bin/gatehouse.js', import.meta.url)), 'key', 'hash'], {
      input,
      encoding: 'utf8',
      cwd: temporaryFolder(t),
    })
  const { stdout, stderr, status } = hash('päss word \r\nsecond line\n')
  assert.deepEqual([status, stderr], [0, ''])
  const parsed = parsePasswordHash(stdout.trim())
  if (typeof parsed === 'string') assert.fail(parsed)
  assert.equal(await parsed.matches('päss word '), true)
  const empty = hash('')
  assert.deepEqual([empty.status, empty.stdout], [1, ''])
  assert.match(empty.stderr, /there is no password/)
  assert.match(hash('a\tb\n').stderr, /control character/)
})
