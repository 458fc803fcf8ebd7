import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'

const program = (name: string) => fileURLToPath(new URL(`../../demo/${name}.ts`, import.meta.url))

describe('a demo service as a program of its own', () => {
  for (const [name, path] of [
    ['orders', '/orders'],
    ['users', '/users'],
    ['live', '/live'],
    ['catalog', '/products'],
  ] as const) {
    test(`${name} listens on HOST and PORT and ends on SIGTERM`, async () => {
      const child = spawn(process.execPath, [program(name)], {
        env: { ...process.env, HOST: '127.0.0.1', PORT: '0' },
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      const exit = once(child, 'exit')
      const [line] = (await once(child.stdout.setEncoding('utf8'), 'data')) as [string]
      const url = /http:\/\/127\.0\.0\.1:\d+/.exec(line)![0]
      assert.equal((await fetch(url + path)).status, 200)
      child.kill('SIGTERM')
      assert.deepEqual(await exit, [0, null])
    })
  }

  test('a port in use is one line and exit code 1', async () => {
    const blocker = createServer().listen(0, '127.0.0.1')
    await once(blocker, 'listening')
    const { port } = blocker.address() as { port: number }
    const child = spawn(process.execPath, [program('orders')], {
      env: { ...process.env, PORT: String(port) },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    const exit = once(child, 'exit')
    const [line] = await once(child.stderr.setEncoding('utf8'), 'data')
    assert.match(line, /^orders: .*EADDRINUSE.*\n$/)
    assert.deepEqual(await exit, [1, null])
    blocker.close()
  })
})
