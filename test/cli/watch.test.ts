import assert from 'node:assert/strict'
import { renameSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { closedPort } from '../support/backend.ts'
import { startCommand, type RunningCommand } from '../support/command.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const plugin = (text: string): string =>
  `export default async (app) => { app.get('/', { config: { auth: 'none' } }, async () => '${text}') }\n`

async function watched(t: TestContext): Promise<RunningCommand & { cwd: string; url: string }> {
  const cwd = temporaryFolder(t, { 'routes/hand.mjs': plugin('first'), 'gatehouse.config.json': '{}' })
  const command = startCommand(t, ['start', '--watch', '--port', '0'], { cwd })
  const ready = await command.line(/"ready on /)
  return { ...command, cwd, url: /ready on (http:\S+?\d)[,"]/.exec(ready)![1]! }
}

const text = async (url: string): Promise<string> => (await fetch(url, { headers: { connection: 'close' } })).text()
const pids = ({ stdout }: RunningCommand): number[] => [
  ...new Set([...stdout().matchAll(/"pid":(\d+)/g)].map((match) => Number(match[1]))),
]

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** As editors do it: a new file in the place of the old one, so that nobody sees half of it. */
function put(path: string, content: string): void {
  const beside = join(dirname(path), `.${basename(path)}.swp`)
  writeFileSync(beside, content)
  renameSync(beside, path)
}

/** Ends a gateway that has been replaced at least once, and looks for what is left. */
async function leavesNothing(command: RunningCommand, signal: NodeJS.Signals): Promise<void> {
  command.child.kill(signal)
  assert.equal(await command.exit, 0)
  assert.ok(pids(command).length >= 2, command.stdout())
  for (const pid of pids(command)) assert.equal(isAlive(pid), false)
}

test('changes are taken over while it runs', async (t) => {
  const command = await watched(t)
  const { cwd, url } = command

  await t.test('a change is taken over without a failed request', async () => {
    assert.equal(await text(url), 'first')
    const taken = command.next(/taken over/)
    put(join(cwd, 'routes/hand.mjs'), plugin('second'))
    const seen = new Set<string>()
    while (!seen.has('second')) seen.add(await text(url))
    assert.deepEqual([...seen].sort(), ['first', 'second'])
    await taken
  })

  await t.test('a mistake is told, and the gateway goes on as it was', async () => {
    const refused = command.next(/goes on as it was/)
    put(join(cwd, 'routes/broken.json'), '{ "name": "x" }')
    await refused
    assert.match(command.stderr(), /^routes\/broken\.json: targets: is missing/m)
    assert.equal(await text(url), 'second')
    const taken = command.next(/taken over/)
    put(
      join(cwd, 'routes/broken.json'),
      JSON.stringify({
        name: 'x',
        prefix: '/x',
        targets: ['http://127.0.0.1:9'],
        auth: 'none',
        routes: [{ method: 'GET', url: '/' }],
      }),
    )
    await taken
    // the old one may still get a connection while it takes leave
    for (let status = 404; status !== 502;) {
      status = (await fetch(`${url}/x`, { headers: { connection: 'close' } })).status
      assert.ok([404, 502].includes(status))
    }
  })

  await t.test('the configuration file counts too', async () => {
    const told = [command.next(/taken over/), command.next(/documentation on \S+\/handbook/)]
    put(join(cwd, 'gatehouse.config.json'), '{ "docs": { "path": "/handbook" } }')
    await Promise.all(told)
  })

  await t.test('a folder that is moved away and back is watched again', async () => {
    const refused = command.next(/goes on as it was/)
    renameSync(join(cwd, 'routes'), join(cwd, 'elsewhere'))
    await refused
    assert.match(command.stderr(), /^routes: the folder of the upstream files cannot be read: no such folder/m)
    const seen = command.next(/nothing changed/)
    renameSync(join(cwd, 'elsewhere'), join(cwd, 'routes'))
    await seen
    put(join(cwd, 'routes/hand.mjs'), plugin('third'))
    while ((await text(url)) !== 'third');
  })

  await t.test('SIGINT leaves no process behind', () => leavesNothing(command, 'SIGINT'))
})

test('when the supervisor is killed, the gateway ends by itself', async (t) => {
  const command = await watched(t)
  const [pid] = pids(command)
  command.child.kill('SIGKILL')
  // the streams close when the last process that holds them has ended
  await command.exit
  for (let alive = true; alive;) alive = isAlive(pid!)
})

test('SIGHUP ends neither the supervisor nor the gateway', async (t) => {
  const command = await watched(t)
  const [pid] = pids(command)
  command.child.kill('SIGHUP')
  await command.line(/^watch: SIGHUP is ignored: changes of files are taken over by themselves/)
  const said = command.next(/"msg":"SIGHUP is ignored/)
  process.kill(pid!, 'SIGHUP')
  await said
  assert.equal(await text(command.url), 'first')
  assert.deepEqual(pids(command), [pid])
  command.child.kill('SIGTERM')
  assert.equal(await command.exit, 0)
})

test('a mistake at the start is told, and the gateway starts once it is mended', async (t) => {
  const cwd = temporaryFolder(t, { 'routes/hand.mjs': plugin('mended'), 'gatehouse.config.json': '{ "prot": 1 }' })
  const command = startCommand(t, ['start', '--watch', '--port', '0'], { cwd })
  await command.line(/^watch: waiting for a change that mends this/)
  assert.match(command.stderr(), /^gatehouse\.config\.json:1: prot: unknown key/)
  const refused = command.next(/^watch: waiting for a change/)
  put(join(cwd, 'routes/hand.mjs'), 'export default [\n')
  put(join(cwd, 'gatehouse.config.json'), '{}')
  await refused
  assert.match(command.stderr(), /^routes\/hand\.mjs:\d+: syntax error/m)
  const ready = command.next(/"ready on /)
  put(join(cwd, 'routes/hand.mjs'), plugin('mended'))
  assert.equal(await text(/ready on (http:\S+?\d),/.exec(await ready)![1]!), 'mended')
  const taken = command.next(/taken over/)
  put(join(cwd, 'routes/hand.mjs'), plugin('second'))
  await taken
  while ((await text(/ready on (http:\S+?\d),/.exec(await ready)![1]!)) !== 'second');
  assert.equal(command.stdout().split('"ready on ').length, 2)
  assert.equal(command.stdout().split('is public: set docs.auth').length, 2)
  command.child.kill('SIGTERM')
  assert.equal(await command.exit, 0)
})

test('after a crash a change starts it again, and SIGTERM leaves no process behind', async (t) => {
  const command = await watched(t)
  const { cwd } = command
  process.kill(pids(command)[0]!, 'SIGKILL')
  await command.line(/has ended with SIGKILL, waiting for a change/)
  put(join(cwd, 'gatehouse.config.json'), '{ "docs": { "path": "/second" } }')
  // port 0 is another one now
  const ready = await command.line(/documentation on \S+\/second/)
  assert.equal(await text(/ready on (http:\S+?\d),/.exec(ready)![1]!), 'first')
  await leavesNothing(command, 'SIGTERM')
})

test('what is known of targets survives a reload', async (t) => {
  const gone = await closedPort()
  const cwd = temporaryFolder(t, {
    'routes/a.json': JSON.stringify({
      name: 'a',
      prefix: '/a',
      auth: 'none',
      targets: [`http://127.0.0.1:${gone}`],
      retries: false,
      circuitBreaker: { failures: 2, open: '1 hour' },
      passThrough: true,
    }),
    'gatehouse.config.json': '{}',
  })
  const command = startCommand(t, ['start', '--watch', '--port', '0'], { cwd })
  const url = /ready on (http:\S+?\d)[,"]/.exec(await command.line(/"ready on /))![1]!
  const ask = async (): Promise<number> => (await fetch(`${url}/a`, { headers: { connection: 'close' } })).status
  assert.deepEqual([await ask(), await ask(), await ask()], [502, 502, 503])
  put(join(cwd, 'routes/hand.mjs'), plugin('second'))
  await command.line(/taken over/)
  while ((await text(url)) !== 'second');
  assert.equal(await ask(), 503)
})
