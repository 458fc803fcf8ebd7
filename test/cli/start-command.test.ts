import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { createServer as createTcpServer, type AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import { runCommand, startCommand, type RunningCommand } from '../support/command.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const HANDWRITTEN = `export default async (app) => {
  app.get('/hello', { config: { auth: 'none' } }, async () => 'hello')
  app.get('/boom', { config: { auth: 'none' } }, async () => { setImmediate(() => { throw new Error('nobody catches this') }); return 'soon' })
  app.get('/reject', { config: { auth: 'none' } }, async () => { Promise.reject(new Error('nobody awaits this')); return 'soon' })
}
`

/** A backend whose answers wait until the test gives them. */
async function holdingBackend(t: TestContext): Promise<{ url: string; request: Promise<ServerResponse> }> {
  let got: (response: ServerResponse) => void
  const request = new Promise<ServerResponse>((resolve) => {
    got = resolve
  })
  const server = createServer((_request, response) => got(response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, request }
}

async function gateway(
  t: TestContext,
  {
    env,
    target = 'http://127.0.0.1:9',
    words = [],
  }: { env?: Record<string, string>; target?: string; words?: string[] } = {},
): Promise<RunningCommand & { url: string }> {
  const cwd = temporaryFolder(t, {
    'routes/hand.mjs': HANDWRITTEN,
    'routes/slow.json': JSON.stringify({
      name: 'slow',
      prefix: '/slow',
      targets: [target],
      auth: 'none',
      routes: [{ method: 'GET', url: '/' }],
    }),
  })
  const command = startCommand(t, ['start', '--port', '0', ...words], { cwd, env })
  const ready = JSON.parse(await command.line(/"ready on /))
  return { ...command, url: /ready on (http:\S+\d)/.exec(ready.msg)![1]! }
}

test('starts, says where in one line, and serves', async (t) => {
  const { url, stdout, stderr } = await gateway(t)
  assert.equal(await (await fetch(`${url}/hello`)).text(), 'hello')
  assert.equal((await fetch(`${url}/readyz`)).status, 200)
  assert.equal(
    stdout()
      .split('\n')
      .filter((line) => line.includes(url)).length,
    1,
  )
  assert.match(stdout(), new RegExp(`ready on ${url}, documentation on ${url}/docs"`))
  assert.equal(stderr(), '')
})

test('all interfaces are one line too', async (t) => {
  const { stdout } = await gateway(t, { words: ['--host', '0.0.0.0'] })
  assert.equal(
    stdout()
      .trimEnd()
      .split('\n')
      .filter((line) => /ready|listening/.test(line)).length,
    1,
    stdout(),
  )
})

test('says that its documentation is public, and how to close it, as long as it is', async (t) => {
  const of = async (docs: string): Promise<string[]> => {
    const cwd = temporaryFolder(t, {
      'routes/hand.mjs': HANDWRITTEN,
      'gatehouse.yaml': `docs: ${docs}\njwt: { secret: "a secret for tests, long enough for HS256" }\n`,
    })
    const command = startCommand(t, ['start', '--port', '0', '--config', 'gatehouse.yaml'], { cwd })
    await command.line(/"ready on /)
    return command
      .stdout()
      .split('\n')
      .filter((line) => line.includes('is public'))
  }
  const [open, ...more] = await of('{}')
  assert.deepEqual(more, [])
  assert.equal(JSON.parse(open!).level, 40)
  assert.match(open!, /documentation at \/docs is public: set docs\.auth .* or docs: false/)
  assert.match(
    (await of('{ path: /reference, auth: { optional: { jwt: {} } } }')).join(),
    /documentation at \/reference is public/,
  )
  assert.deepEqual(await of('{ auth: none }'), [], 'it is meant to be public')
  assert.deepEqual(await of('false'), [])
  assert.deepEqual(await of('{ auth: { jwt: {} } }'), [])
})

test('refuses the published secret of the demo, and says how to make another', async (t) => {
  const published = 'for-trying-things-out-only-do-not-use-elsewhere'
  const cwd = temporaryFolder(t, { 'routes/hand.mjs': HANDWRITTEN, 'secret.txt': `${published}\n` })
  const oct = { kty: 'oct', k: Buffer.from(published).toString('base64url') }
  const keys = temporaryFolder(t, {
    'keys.json': JSON.stringify({ keys: [oct] }),
    'keys.yaml': 'jwt: { keys: keys.json }',
    'issuers.yaml': `jwt: { issuers: [{ issuer: a, secret: ${published} }] }`,
    'routes/hand.mjs': HANDWRITTEN,
  })
  for (const [folder, words, env] of [
    [cwd, ['start', '--port', '0'], { GATEHOUSE_JWT_SECRET_FILE: 'secret.txt' }],
    [cwd, ['start', '--port', '0'], { GATEHOUSE_JWT_SECRET: published }],
    [cwd, ['check'], { GATEHOUSE_JWT_SECRET: ` ${published.toUpperCase()} ` }],
    [keys, ['check', '--config', 'issuers.yaml'], {}],
    [keys, ['check', '--config', 'keys.yaml'], {}],
  ] as const) {
    const { code, stderr } = await runCommand(t, [...words], { cwd: folder, env })
    assert.equal(code, 1, words.join(' '))
    assert.match(stderr, /everybody knows: make your own with `openssl rand -hex 32 > jwt-secret\.txt`/)
  }
})

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`${signal} ends it with code 0`, async (t) => {
    const { child, exit, url } = await gateway(t)
    await fetch(`${url}/hello`).then((response) => response.text())
    child.kill(signal)
    assert.equal(await exit, 0)
    await assert.rejects(fetch(url))
  })
}

test('requests in flight are finished, new connections refused', async (t) => {
  const backend = await holdingBackend(t)
  const { child, exit, url, line } = await gateway(t, { target: backend.url })
  const answer = fetch(`${url}/slow`)
  const response = await backend.request
  child.kill('SIGTERM')
  await line(/stopping/)
  for (let refused = false; !refused;) {
    refused = await fetch(`${url}/hello`).then(
      () => false,
      () => true,
    )
  }
  response.end('done')
  assert.equal(await (await answer).text(), 'done')
  assert.equal(await exit, 0)
})

test('SIGHUP ends nothing: one line says that there is no reload, and what to do', async (t) => {
  const { url, child, line, stdout, exit } = await gateway(t)
  child.kill('SIGHUP')
  const said = JSON.parse(await line(/SIGHUP/)) as { level: number; msg: string }
  assert.equal(said.level, 40)
  assert.match(said.msg, /cannot reload yet: restart it .*--watch/)
  assert.equal(await (await fetch(`${url}/hello`)).text(), 'hello')
  child.kill('SIGTERM')
  assert.equal(await exit, 0)
  assert.equal(
    stdout()
      .split('\n')
      .filter((text) => text.includes('SIGHUP')).length,
    1,
  )
})

test('with a delay readiness goes off while requests are still served', async (t) => {
  const { child, exit, url, line } = await gateway(t, { env: { GATEHOUSE_SHUTDOWN_DELAY: '4s' } })
  child.kill('SIGTERM')
  await line(/stopping/)
  assert.equal((await fetch(`${url}/readyz`)).status, 503)
  assert.equal((await fetch(`${url}/hello`)).status, 200)
  assert.equal(await exit, 0)
})

test('what is not finished in time is cut', async (t) => {
  const backend = await holdingBackend(t)
  const { child, exit, url } = await gateway(t, { target: backend.url, env: { GATEHOUSE_SHUTDOWN_TIMEOUT: '50ms' } })
  const answer = assert.rejects(fetch(`${url}/slow`))
  await backend.request
  child.kill('SIGTERM')
  assert.equal(await exit, 0)
  await answer
})

test('a second signal ends it at once, the echo of the first does not', async (t) => {
  const backend = await holdingBackend(t)
  const { child, exit, url, line } = await gateway(t, { target: backend.url })
  const answer = assert.rejects(fetch(`${url}/slow`))
  await backend.request
  child.kill('SIGINT')
  // the echo; if it counted, the exit code would be its own
  child.kill('SIGTERM')
  await line(/stopping/)
  const again = setInterval(() => child.kill('SIGINT'), 50)
  t.after(() => clearInterval(again))
  assert.equal(await exit, 128 + 2)
  await answer
})

for (const [path, message] of [
  ['/boom', /nobody catches this/],
  ['/reject', /nobody awaits this/],
] as const) {
  test(`an error that nothing catches (${path}) is logged, and ends it with code 1`, async (t) => {
    const { exit, url, stdout } = await gateway(t)
    await fetch(`${url}${path}`).catch(() => {})
    assert.equal(await exit, 1)
    const fatal = stdout()
      .split('\n')
      .find((line) => line.includes('"level":60'))
    assert.match(fatal ?? '', message)
  })
}

test('a busy port is one line that says what to do', async (t) => {
  const busy = createTcpServer().listen(0, '127.0.0.1')
  await once(busy, 'listening')
  t.after(() => busy.close())
  const { port } = busy.address() as AddressInfo
  for (const words of [[], ['--watch']]) {
    const { code, stdout, stderr } = await runCommand(t, ['start', '--port', String(port), ...words], {
      cwd: temporaryFolder(t, { 'routes/hand.mjs': HANDWRITTEN }),
    })
    assert.equal(code, 1)
    assert.equal(stdout, '')
    assert.equal(
      stderr,
      `gatehouse: port ${port} on 127.0.0.1 is in use by another process: stop that, or choose another port with --port or GATEHOUSE_PORT\n`,
    )
  }
})

test('an address of another machine is one line', async (t) => {
  const { code, stderr } = await runCommand(t, ['start', '--host', '192.0.2.1'], {
    cwd: temporaryFolder(t, { 'routes/hand.mjs': HANDWRITTEN }),
  })
  assert.equal(code, 1)
  assert.equal(
    stderr,
    'gatehouse: 192.0.2.1 is not an address of this machine: choose one that is with --host or GATEHOUSE_HOST, or 0.0.0.0 for all\n',
  )
})
