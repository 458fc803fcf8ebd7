import assert from 'node:assert/strict'
import { readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { runCommand } from '../support/command.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
const COMMANDS = ['start', 'check', 'routes', 'explain', 'openapi', 'token', 'purge']

test('--version prints the version', async (t) => {
  assert.deepEqual(await runCommand(t, ['--version'], { cwd: temporaryFolder(t) }), {
    code: 0,
    stdout: `${version}\n`,
    stderr: '',
  })
})

test('--help lists every command', async (t) => {
  const { code, stdout, stderr } = await runCommand(t, ['--help'], { cwd: temporaryFolder(t) })
  assert.equal(code, 0)
  assert.equal(stderr, '')
  for (const name of COMMANDS) assert.match(stdout, new RegExp(`\n  ${name} `))
})

for (const name of COMMANDS) {
  test(`${name} --help explains its options, whatever the configuration`, async (t) => {
    const { code, stdout } = await runCommand(t, [name, '--help'], {
      cwd: temporaryFolder(t, { 'gatehouse.config.json': '{' }),
    })
    assert.equal(code, 0)
    assert.match(stdout, new RegExp(`^Usage: gatehouse ${name} \\[options\\]`))
    if (name !== 'purge') assert.match(stdout, /--config <file>/)
  })
}

test('wrong usage exits 1 and says what was wrong', async (t) => {
  const cwd = temporaryFolder(t)
  for (const [words, message] of [
    [['strat'], /unknown command 'strat'\n\(Did you mean start\?\)/],
    [['start', '--prot', '1'], /unknown option '--prot'/],
    [['start', 'now'], /too many arguments/],
    [['explain', 'GET'], /missing required argument 'url'/],
    [['start', '--port'], /argument missing/],
    [
      ['check', '--config', 'a.json', '-c', 'b.json'],
      /argument 'b\.json' is invalid\. It is given twice, as 'a\.json' before: give it once\./,
    ],
  ] as const) {
    const { code, stdout, stderr } = await runCommand(t, [...words], { cwd })
    assert.equal(code, 1, words.join(' '))
    assert.equal(stdout, '')
    assert.match(stderr, message)
  }
})

test('a wrong configuration is one line for each problem, without a stack', async (t) => {
  const cwd = temporaryFolder(t, {
    'gatehouse.config.ts': 'export default { port: "abc", hots: "x" }',
    'routes/README.md': '',
  })
  for (const words of [['start'], ['check'], ['routes'], ['explain', 'GET', '/'], ['openapi'], ['token']]) {
    const { code, stdout, stderr } = await runCommand(t, words, { cwd })
    assert.equal(code, 1, words.join(' '))
    assert.equal(stdout, '')
    assert.equal(
      stderr,
      'gatehouse.config.ts: hots: unknown key, did you mean "host"?\ngatehouse.config.ts: port: found "abc", allowed: integer 0 to 65535\n',
      words.join(' '),
    )
  }
})

test('the problem of an option names the option', async (t) => {
  // no change of a file mends it, so that watching ends too
  for (const words of [['start'], ['start', '--watch']]) {
    const { code, stderr } = await runCommand(t, [...words, '--port', '70000'], {
      cwd: temporaryFolder(t, { 'routes/README.md': '' }),
    })
    assert.equal(code, 1)
    assert.equal(stderr, '--port: found 70000, allowed: integer 0 to 65535\n')
  }
})

test('a configuration file that is not there, or cannot be parsed', async (t) => {
  const cwd = temporaryFolder(t, { 'a.yaml': 'a: 1\nb: [' })
  assert.equal(
    (await runCommand(t, ['check', '--config', 'b.ts'], { cwd })).stderr,
    'b.ts: cannot be read: no such file\n',
  )
  assert.match(
    (await runCommand(t, ['check', '-c', 'a.yaml'], { cwd })).stderr,
    /^a\.yaml:2: is not valid YAML: [^\n]+\n$/,
  )
})

test('runs through a link, as npm installs it', async (t) => {
  const cwd = temporaryFolder(t)
  const link = join(cwd, 'gatehouse')
  symlinkSync(new URL('../../bin/gatehouse.js', import.meta.url).pathname, link)
  const { spawnSync } = await import('node:child_process')
  assert.equal(spawnSync(process.execPath, [link, '--version'], { encoding: 'utf8' }).stdout, `${version}\n`)
})

test('headers and claims of options', async (t) => {
  const { parseHeaders } = await import('../../src/cli/gateway-page.ts')
  const { parseClaims } = await import('../../src/cli/token-command.ts')
  assert.deepEqual(parseHeaders(['Accept: a', 'x-b:', 'accept:b:c ']), { accept: 'a, b:c', 'x-b': '' })
  assert.throws(() => parseHeaders(['nonsense']), { message: '-H "nonsense" is no header, allowed: \'name: value\'' })
  assert.throws(() => parseHeaders(['a b: c']))
  assert.deepEqual(parseClaims(['admin=true', 'id=007', 'groups=["a"]', 'text=a=b', 'none=']), {
    admin: true,
    id: '007',
    groups: ['a'],
    text: 'a=b',
    none: '',
  })
  assert.throws(() => parseClaims(['x']), { message: '--claim "x" is no claim, allowed: name=value' })
  assert.ok(Object.hasOwn(parseClaims(['__proto__={"a":1}']), '__proto__'))
  const { code, stderr } = await runCommand(t, ['explain', 'GET', 'nonsense'], { cwd: temporaryFolder(t) })
  assert.equal(code, 1)
  assert.equal(stderr, 'gatehouse: "nonsense" is no URL, allowed: a path such as /orders/1, or http://host/path\n')
})
