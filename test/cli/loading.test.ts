import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runCommand, startCommand } from '../support/command.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const NEVER = 'await new Promise(() => {})\nexport default {}\n'
const STUCK = 'is never loaded to its end: an "await" at its top level waits for something that never comes'
const EXITS = 'calls process.exit(0) while it is loaded, which would end the gateway without a word: take the call out'

for (const words of [
  ['check'],
  ['start', '--port', '0'],
  ['start', '--watch', '--port', '0'],
  ['openapi'],
  ['routes'],
  ['explain', 'GET', '/'],
]) {
  test(
    `${words.join(' ')}: files that are never loaded, or that end the process, are problems`,
    { timeout: 180_000 },
    async (t) => {
      const cwd = temporaryFolder(t, {
        'routes/exits.ts': '\nprocess.exit(0)\n',
        'routes/helped.ts': "import './_helper.mjs'",
        'routes/_helper.mjs': 'process.exit(0)',
        'routes/plugin.mjs': 'export default async () => { process.exit(0) }',
        'routes/timer.mjs':
          'setTimeout(() => process.exit(0))\nawait new Promise((resolve) => setTimeout(resolve, 1000))\nexport default {}',
        'routes/wrong.json': '{ "name": "x" }',
        // in a child of --watch the channel to the supervisor goes on
        ...(words.includes('--watch') ? {} : { 'routes/never.ts': NEVER }),
      })
      const command = startCommand(t, words, { cwd })
      if (words.includes('--watch')) {
        await command.line(/^watch: waiting for a change/)
        command.child.kill('SIGTERM')
      }
      assert.equal(await command.exit, words.includes('--watch') ? 0 : 1)
      assert.equal(command.stdout(), '')
      const stderr = command.stderr()
      const lines = stderr.trimEnd().split('\n')
      assert.ok(lines.includes(`routes/exits.ts:2: ${EXITS}`), stderr)
      assert.ok(lines.includes(`routes/helped.ts: _helper.mjs:1: ${EXITS}`), stderr)
      assert.ok(lines.includes(`routes/timer.mjs:1: ${EXITS}`), stderr)
      assert.ok(lines.includes(`routes/plugin.mjs: ${EXITS}`), stderr)
      assert.ok(
        lines.some((line) => line.startsWith('routes/wrong.json: targets: is missing')),
        stderr,
      )
      if (!words.includes('--watch')) assert.ok(lines.includes(`routes/never.ts: ${STUCK}`), stderr)
    },
  )
}

test('getters that throw and promises left alone are problems of their files', async (t) => {
  const cwd = temporaryFolder(t, {
    'routes/getter.ts': 'export default { get name () { throw new Error("no name") } }',
    'routes/late.ts': 'Promise.reject(new Error("late"))\nexport default async () => {}',
    'routes/wrong.json': '{ "name": "x" }',
  })
  const { code, stderr } = await runCommand(t, ['check'], { cwd })
  assert.equal(code, 1)
  const lines = stderr.trimEnd().split('\n')
  assert.ok(lines.includes('routes/getter.ts: default export: cannot be looked at: no name'), stderr)
  assert.ok(lines.includes('routes/late.ts: leaves a promise that fails alone: late'), stderr)
  assert.ok(
    lines.some((line) => line.startsWith('routes/wrong.json: targets: is missing')),
    stderr,
  )
})

test('the same of a configuration file', async (t) => {
  const never = await runCommand(t, ['check'], { cwd: temporaryFolder(t, { 'gatehouse.config.ts': NEVER }) })
  assert.deepEqual(never, { code: 1, stdout: '', stderr: `gatehouse.config.ts: ${STUCK}\n` })
  const exits = await runCommand(t, ['check'], {
    cwd: temporaryFolder(t, { 'gatehouse.config.mjs': 'process.exit(0)' }),
  })
  assert.deepEqual(exits, { code: 1, stdout: '', stderr: `gatehouse.config.mjs:1: ${EXITS}\n` })
})

test('no command ends with 0 before it has said so', async (t) => {
  // goes round the guard
  const cwd = temporaryFolder(t, {
    'gatehouse.config.mjs':
      'process.reallyExit === undefined || process.emit("exit", 0), process.reallyExit(process.exitCode)',
  })
  const { code, stderr } = await runCommand(t, ['check'], { cwd })
  assert.equal(code, 1)
  assert.match(stderr, /^gatehouse: ended before it was done: [^\n]+\n$/)
})

test('empty files say so', async (t) => {
  const cwd = temporaryFolder(t, {
    'routes/a.yaml': '# nothing yet\n',
    'routes/b.json': '\n',
    'routes/c.ts': '',
    'routes/d.mjs': '// nothing',
    'routes/e.yaml': '- a',
    'openapi/gateway.yaml': '',
  })
  const { code, stderr } = await runCommand(t, ['check'], { cwd })
  assert.equal(code, 1)
  const lines = stderr.trimEnd().split('\n').sort()
  assert.equal(lines.length, 6, stderr)
  for (const [i, pattern] of [
    /^openapi\/gateway\.yaml: is empty, allowed: info/,
    /^routes\/a\.yaml: is empty, expected an upstream/,
    /^routes\/b\.json: is empty/,
    /^routes\/c\.ts: exports nothing, expected an upstream/,
    /^routes\/d\.mjs: exports nothing/,
    /^routes\/e\.yaml: found a list, allowed: object/,
  ].entries()) {
    assert.match(lines[i]!, pattern)
  }
})

test('mistakes of configuration, folders and files are told together', async (t) => {
  const cwd = temporaryFolder(t, {
    'gatehouse.config.json': '{ "prot": 1, "docs": { "path": "/livez" } }',
    'openapi/gateway.yaml': 'info: { title: x }',
  })
  assert.deepEqual(
    (await runCommand(t, ['check'], { cwd, env: { GATEHOUSE_LOG_LEVEL: 'loud' } })).stderr
      .split('\n')
      .map((line) => line.split(',')[0]),
    [
      'gatehouse.config.json:1: prot: unknown key',
      'GATEHOUSE_LOG_LEVEL: found "loud"',
      'gatehouse.config.json:1: docs.path: found "/livez"',
      'openapi/gateway.yaml: info.version: is missing',
      'routes: the folder of the upstream files cannot be read: no such folder: create it',
      '',
    ],
  )
  const wrong = temporaryFolder(t, { 'routes/a.json': '{ "name": "A" }' })
  assert.match(
    (await runCommand(t, ['check', '--port', 'x'], { cwd: wrong })).stderr,
    /^--port: [^\n]+\nroutes\/a\.json: [^\n]+\n/,
  )
  assert.equal(
    (await runCommand(t, ['token', '-c', 'none.json'], { cwd: wrong })).stderr,
    'none.json: cannot be read: no such file\n',
  )
})
