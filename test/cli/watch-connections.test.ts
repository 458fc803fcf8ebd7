import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { get, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test, type TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { WebSocket, WebSocketServer } from 'ws'
import { startBackend } from '../support/backend.ts'
import { startCommand, type RunningCommand } from '../support/command.ts'
import { eventually } from '../support/eventually.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const LIB = "export const prefix = '/live'\n"
const DOCUMENT =
  'openapi: 3.1.0\ninfo: { title: Live, version: "1" }\npaths:\n  /ping:\n    get: { responses: { "200": { description: ok } } }\n'

const routes = (target: string, name = 'live'): string => `import { defineUpstream } from 'gatehouse'
import { prefix } from '../lib/prefix.ts'
export default defineUpstream({ name: '${name}', prefix, auth: 'none', targets: ['${target}'], openapi: 'live.yaml', passThrough: true })
`
/** A route that tells which process answers, and which version of the file it has. */
const who = (version: number): string =>
  `export default async (app) => { app.get('/who', { config: { auth: 'none' } }, async () => '${version} ' + process.pid) }\n`

interface Live extends RunningCommand {
  cwd: string
  target: string
  url: string
  /** Answers of the service that do not end by themselves. */
  streams: ServerResponse[]
}

/** A watched gateway in front of a service with a WebSocket that echoes and a stream of events. */
async function watchedLive(t: TestContext): Promise<Live> {
  const streams: ServerResponse[] = []
  const { server, url: target } = await startBackend(t, (request, response) => {
    request.resume()
    if (!request.url!.endsWith('/events')) return response.end('pong')
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 0\n\n')
    streams.push(response)
  })
  const sockets = new WebSocketServer({ server })
  sockets.on('connection', (socket) => socket.on('message', (data) => socket.send(String(data))))
  t.after(() => {
    for (const socket of sockets.clients) socket.terminate()
  })
  const cwd = temporaryFolder(t, {
    'lib/prefix.ts': LIB,
    'openapi/live.yaml': DOCUMENT,
    'routes/live.ts': routes(target),
    'routes/who.mjs': who(0),
    'gatehouse.config.yaml': 'via: watched\n',
  })
  const command = startCommand(t, ['start', '--watch', '--port', '0'], { cwd })
  const ready = await command.line(/"ready on /)
  return { ...command, cwd, target, streams, url: /ready on (http:\S+?\d)[,"]/.exec(ready)![1]! }
}

async function openSocket(t: TestContext, { url }: Live): Promise<WebSocket> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/live/socket`)
  socket.on('error', () => {})
  t.after(() => socket.terminate())
  await once(socket, 'open')
  return socket
}

async function echoes(socket: WebSocket, word: string): Promise<void> {
  assert.equal(socket.readyState, WebSocket.OPEN, word)
  const heard = once(socket, 'message')
  socket.send(word)
  assert.equal(String((await heard)[0]), word)
}

/** A stream of events through the gateway, and the end of the service that writes them. */
async function openEvents({
  url,
  streams,
}: Live): Promise<{ service: ServerResponse; next: () => Promise<string | null> }> {
  const response = await fetch(`${url}/live/events`)
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
  const next = (): Promise<string | null> =>
    reader.read().then(
      ({ done, value }) => (done ? null : value!),
      () => null,
    )
  assert.equal(await next(), 'data: 0\n\n')
  return { service: streams.at(-1)!, next }
}

/** Process and version of the gateway that gets new connections. */
async function serving({ url }: Live): Promise<{ version: string; pid: number }> {
  // a connection of its own: fetch would take one that is kept, which the gateway before may still have
  const [response] = await once(get(`${url}/who`, { agent: false }), 'response')
  const [version, pid] = (await text(response)).split(' ')
  return { version: version!, pid: Number(pid) }
}

const change = async (live: Live, version: number): Promise<string> => {
  const taken = live.next(/taken over/)
  writeFileSync(join(live.cwd, 'routes/who.mjs'), who(version))
  return taken
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** Children of a process, those that wait for their turn included. */
const childrenOf = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number)

test('files of equal meaning keep the gateway, one that declares something else replaces it, and WebSockets stay in both cases', async (t) => {
  const live = await watchedLive(t)
  const socket = await openSocket(t, live)
  const first = await serving(live)
  const EQUAL: [what: string, write: () => void][] = [
    [
      'a comment and types in a route file',
      () => writeFileSync(join(live.cwd, 'routes/live.ts'), `// a comment\ntype A = string\n${routes(live.target)}`),
    ],
    [
      'a comment in a module that a route file imports',
      () => writeFileSync(join(live.cwd, 'lib/prefix.ts'), `${LIB}// a comment\n`),
    ],
    [
      'the layout of a document',
      () =>
        writeFileSync(
          join(live.cwd, 'openapi/live.yaml'),
          `# a comment\n${DOCUMENT.replace('title: Live', 'title: "Live"')}`,
        ),
    ],
    [
      'a configuration file that is touched',
      () => utimesSync(join(live.cwd, 'gatehouse.config.yaml'), new Date(), new Date()),
    ],
  ]
  for (const [what, write] of EQUAL) {
    await t.test(`${what}: nothing changed`, async () => {
      const said = live.next(/^watch: /)
      write()
      assert.equal(await said, 'watch: nothing changed in what the files declare')
      assert.deepEqual(await serving(live), first)
      await echoes(socket, what)
    })
  }

  await t.test('a module that a route file imports counts', async () => {
    const said = live.next(/^watch: /)
    writeFileSync(join(live.cwd, 'lib/prefix.ts'), LIB.replace('/live', '/new'))
    assert.equal(
      await said,
      'watch: the gateway has taken over the changes, the one before keeps 1 connection until it ends',
    )
    assert.notEqual((await serving(live)).pid, first.pid)
    assert.equal(await (await fetch(`${live.url}/new/ping`)).text(), 'pong')
    await echoes(socket, 'still here')
  })

  await t.test('a module with a mistake is told, and the gateway goes on as it was', async () => {
    const { pid } = await serving(live)
    const said = live.next(/^watch: /)
    writeFileSync(join(live.cwd, 'lib/prefix.ts'), 'export const prefix = \n')
    assert.equal(await said, 'watch: the gateway goes on as it was')
    assert.match(live.stderr(), /^routes\/live\.ts: \.\.\/lib\/prefix\.ts:\d: syntax error/m)
    assert.equal((await serving(live)).pid, pid)
    await echoes(socket, 'still here')
  })

  await t.test('the mistake taken back is no change', async () => {
    const said = live.next(/^watch: /)
    writeFileSync(join(live.cwd, 'lib/prefix.ts'), LIB.replace('/live', '/new'))
    assert.equal(await said, 'watch: nothing changed in what the files declare')
  })

  await t.test('the old gateway ends with its last connection', async () => {
    socket.close()
    await once(socket, 'close')
    await eventually('the old gateway ends', () => !isAlive(first.pid))
    assert.equal((await fetch(`${live.url}/new/ping`)).status, 200)
  })
})

test('two gateways that were replaced are kept for their connections, idle ones not counted, a third one ends the oldest', async (t) => {
  const live = await watchedLive(t)
  const oldest = { ...(await serving(live)), socket: await openSocket(t, live), events: await openEvents(live) }
  assert.match(await change(live, 1), /keeps 2 connections until they end$/)
  assert.equal((await serving(live)).version, '1')
  const second = { ...(await serving(live)), socket: await openSocket(t, live) }
  assert.match(await change(live, 2), /keeps 1 connection until it ends$/)
  oldest.events.service.write('data: 1\n\n')
  assert.equal(await oldest.events.next(), 'data: 1\n\n')
  await echoes(oldest.socket, 'oldest')
  await echoes(second.socket, 'second')

  const idle = await serving(live)
  assert.match(await change(live, 3), /has taken over the changes$/)
  await eventually('the idle gateway ends', () => !isAlive(idle.pid))
  await echoes(oldest.socket, 'oldest')
  await echoes(second.socket, 'second')

  const closed = once(oldest.socket, 'close')
  const ended = live.next(/the oldest has closed/)
  const third = await serving(live)
  const socket = await openSocket(t, live)
  await change(live, 4)
  assert.equal(
    await ended,
    'watch: of the gateways that were replaced no more than 2 are kept: the oldest has closed 2 connections',
  )
  assert.equal((await closed)[0], 1001)
  assert.equal(await oldest.events.next(), null)
  await eventually('the oldest gateway ends', () => !isAlive(oldest.pid))
  await echoes(second.socket, 'second')
  await echoes(socket, 'third')

  const current = await serving(live)
  const children = childrenOf(live.child.pid!)
  assert.ok(
    [second.pid, third.pid, current.pid].every((pid) => children.includes(pid)),
    children.join(),
  )
  const goingAway = once(second.socket, 'close')
  live.child.kill('SIGTERM')
  assert.equal(await live.exit, 0)
  assert.equal((await goingAway)[0], 1001)
  for (const pid of children) assert.equal(isAlive(pid), false)
})

test('when the supervisor is killed, the gateways end that were replaced, and the one that stands by', async (t) => {
  const live = await watchedLive(t)
  await openSocket(t, live)
  await change(live, 1)
  const children = await eventually('a gateway stands by', () => {
    const pids = childrenOf(live.child.pid!)
    return pids.length === 3 && pids
  })
  live.child.kill('SIGKILL')
  await live.exit
  await eventually('all end', () => children.every((pid) => !isAlive(pid)))
})

test('no request fails while the gateway is replaced', async (t) => {
  const live = await watchedLive(t)
  const failures: unknown[] = []
  const seen = new Set<string>()
  const over = new AbortController()
  t.after(() => over.abort())
  const load = async (headers: Record<string, string>): Promise<void> => {
    while (!over.signal.aborted) {
      try {
        const response = await fetch(`${live.url}/who`, { headers })
        const answer = await response.text()
        if (response.ok) seen.add(answer.split(' ')[0]!)
        else failures.push(answer)
      } catch (error) {
        failures.push((error as Error).cause ?? error)
      }
      // leaves processor time to the gateways
      await pause(10)
    }
  }
  const clients = [load({}), load({}), load({ connection: 'close' })]
  // two, since the second has a gateway before that has taken over itself
  for (const version of [1, 2]) {
    await change(live, version)
    assert.equal((await serving(live)).version, String(version))
  }
  over.abort()
  await Promise.all(clients)
  assert.deepEqual(failures, [])
  assert.ok(seen.has('2'), [...seen].join())
})
