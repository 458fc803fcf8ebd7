import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { promisify } from 'node:util'
import { eventually } from '../support/eventually.ts'
import { copiedRoutes, ROOT, startDemo, startProgram } from './demo-process.ts'

const shell = async (line: string, TOKEN = '') =>
  (await promisify(execFile)('sh', ['-c', line], { env: { ...process.env, TOKEN } })).stdout

describe('npm run demo', () => {
  test('prints lines that do what they promise, and ends on Ctrl-C', async (t) => {
    const demo = await startDemo(t)
    assert.equal((await fetch(demo.docs)).status, 200)

    const answered = await shell(demo.curl['200']!, demo.writeToken)
    assert.match(answered, /^HTTP\/1\.1 200 OK\r\n/)
    assert.match(answered, /Ada Lovelace/)

    const refused = await shell(demo.curl['401']!)
    assert.match(refused, /^HTTP\/1\.1 401 Unauthorized\r\n/)
    assert.match(refused, /www-authenticate: Bearer/i)
    assert.match(refused, /"code":"GW_UNAUTHORIZED"/)

    const limited = await shell(demo.curl['429']!, demo.writeToken)
    assert.deepEqual(limited.trim().split('\n'), ['200', '200', '200', '200', '200', '429'])

    assert.equal(await demo.stop('SIGINT'), 0, demo.output())
    assert.equal(demo.alive(), false)
  })

  test('its two tokens are for reading and for writing', async (t) => {
    const demo = await startDemo(t)
    const create = (token: string) =>
      fetch(`${demo.url}/orders`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ customer: 'Emmy Noether', item: 'Ring', quantity: 1 }),
      })
    assert.equal((await create(demo.readToken)).status, 403)
    const created = await create(demo.writeToken)
    assert.equal(created.status, 201)
    assert.equal(created.headers.get('location'), '/orders/4')
    const costOf = async (token: string) =>
      (await fetch(`${demo.url}/catalog/products/INS-2/cost`, { headers: { authorization: `Bearer ${token}` } })).status
    assert.deepEqual([await costOf(demo.readToken), await costOf(demo.writeToken)], [403, 200])
    const me = await fetch(`${demo.url}/users/whoami`, {
      headers: { authorization: `Bearer ${demo.readToken}`, 'x-consumer-id': 'root' },
    })
    assert.equal(me.redirected, true)
    assert.equal(((await me.json()) as { consumer: string }).consumer, 'ada')
    assert.equal(await demo.stop('SIGTERM'), 0)
    assert.equal(demo.alive(), false)
  })

  test('has on what the documentation lets people try', async (t) => {
    const demo = await startDemo(t)
    const get = (path: string, headers: Record<string, string> = {}) =>
      fetch(demo.url + path, { headers: { authorization: `Bearer ${demo.readToken}`, ...headers } })
    const { upstreams } = (await (await get('/status')).json()) as { upstreams: { name: string; targets: unknown[] }[] }
    assert.deepEqual(Object.fromEntries(upstreams.map(({ name, targets }) => [name, targets.length])), {
      catalog: 1,
      live: 2,
      orders: 1,
      users: 2,
    })
    assert.match(await (await get('/metrics')).text(), /gatehouse_upstream_target_available\{upstream="live"/)
    assert.match(await (await get('/', { accept: 'text/html' })).text(), /<main>/)
    // a cached route, which can be purged
    const isHit = async () => {
      const response = await get('/catalog/categories')
      await response.text()
      return /; hit/.test(response.headers.get('cache-status')!)
    }
    await eventually('the categories come from the cache', isHit)
    const purge = await fetch(`${demo.url}/cache/purge`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"prefix":"/catalog/"}',
    })
    assert.equal(purge.ok, true)
    assert.equal(await isHit(), false)
    // a canary
    assert.equal((await get('/users', { 'x-canary': 'yes' })).headers.get('x-version'), 'v2')
    assert.equal(await demo.stop(), 0)
  })

  test('its tokens are still good after a restart', async (t) => {
    const first = await startDemo(t)
    assert.equal(await first.stop(), 0)
    const second = await startDemo(t)
    assert.equal(
      (await fetch(`${second.url}/orders`, { headers: { authorization: `Bearer ${first.readToken}` } })).status,
      200,
    )
    assert.equal(await second.stop(), 0)
  })

  test('ends while a stream, a WebSocket and keep-alive connections are open', async (t) => {
    const demo = await startDemo(t)
    const ticks = await fetch(`${demo.url}/live/ticks`)
    const ended = ticks.text().catch(() => {})
    const socket = new WebSocket(`${demo.url.replace('http', 'ws')}/live/socket`, {
      headers: { authorization: `Bearer ${demo.readToken}` },
    } as never)
    await once(socket, 'open')
    const closed = once(socket, 'close')
    assert.equal(await demo.stop(), 0)
    await Promise.all([ended, closed])
    assert.equal(demo.alive(), false)
  })

  test('by way of npm nothing is left after Ctrl-C either', async (t) => {
    const demo = await startDemo(t, { command: ['npm', 'run', 'demo', '--'] })
    assert.equal((await fetch(`${demo.url}/orders`)).status, 401)
    // some shells between npm and the demo say that they were interrupted
    assert.ok([0, 130, null].includes(await demo.stop()), demo.output())
    assert.equal(demo.alive(), false)
  })

  for (const watch of [false, true]) {
    test(`a busy port is one line and exit code 1${watch ? ', watching too' : ''}`, async (t) => {
      const blocker = createServer().listen(0, '127.0.0.1')
      t.after(() => blocker.close())
      await once(blocker, 'listening')
      const { port } = blocker.address() as { port: number }
      const program = startProgram(t, process.execPath, [`${ROOT}/demo/start.ts`, ...(watch ? ['--watch'] : [])], {
        GATEHOUSE_PORT: String(port),
      })
      assert.equal(await program.exit, 1)
      assert.equal(program.stdout(), '')
      assert.match(program.stderr(), new RegExp(`^[^\\n]*port ${port} on 127\\.0\\.0\\.1 is in use[^\\n]*\\n$`))
      assert.equal(program.alive(), false)
    })
  }

  test('watching, a mistake in a route file is told, and all starts once it is mended', async (t) => {
    const routes = await copiedRoutes(t)
    await writeFile(join(routes, 'wrong.yaml'), 'name: wrong\ntargets: [http://127.0.0.1:1]\npassThrough: true\n')
    const program = startProgram(t, process.execPath, [`${ROOT}/demo/start.ts`, '--port', '0', '--watch'], {
      GATEHOUSE_ROUTES: routes,
    })
    await eventually('it waits', () => program.stderr().includes('watch: waiting for a change'))
    assert.match(program.stderr(), /^\S*wrong\.yaml: passThrough\.auth: missing/m)
    await rm(join(routes, 'wrong.yaml'))
    await eventually('the welcome', () => program.stdout().includes('Ctrl-C'))
    program.signal('SIGINT')
    assert.equal(await program.exit, 0)
    assert.equal(program.alive(), false)
  })

  test('a mistake in a route file is told and nothing runs', async (t) => {
    const routes = await copiedRoutes(t)
    await writeFile(join(routes, 'wrong.yaml'), 'name: wrong\ntargets: [http://127.0.0.1:1]\npassThrough: true\n')
    const program = startProgram(t, process.execPath, [`${ROOT}/demo/start.ts`, '--port', '0'], {
      GATEHOUSE_ROUTES: routes,
    })
    assert.equal(await program.exit, 1)
    assert.equal(program.stdout(), '')
    assert.match(program.stderr(), /^\S*wrong\.yaml: passThrough\.auth: missing[^\n]*\n$/)
    assert.equal(program.alive(), false)
  })

  test('a wrong option is one line and exit code 1', async (t) => {
    for (const [args, said] of [
      [['--prot', '1'], /^gatehouse: .*--prot.*\n$/],
      [['--port', 'x'], /^--port: found "x".*\n$/],
    ] as const) {
      const program = startProgram(t, process.execPath, [`${ROOT}/demo/start.ts`, ...args])
      assert.equal(await program.exit, 1)
      assert.match(program.stderr(), said)
    }
  })
})
