import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import type { TestContext } from 'node:test'
import { type Command, Redis } from 'ioredis'
import { CommandWatch } from '../../src/redis/command-watch.ts'
import { closedPort } from '../support/backend.ts'

const missing = spawnSync('redis-server', ['--version']).status !== 0
if (missing) console.log('skipped: limits over Redis (install redis-server)')

/** In CI the tests run, and so fail, without it. */
export const needsRedis = { skip: missing && process.env.CI !== 'true', timeout: 120_000 }

/** Milliseconds. */
interface Patience {
  command: number
}
const patienceOf = new WeakMap<TestContext, Patience>()

/**
 * Gives the commands of a test's gateways all the time that a busy machine needs. Else one may run into its timeout,
 * and the request is counted by the gateway itself, as it should.
 * @returns what holds for the next commands, to be changed at will
 */
export function unhurried(t: TestContext): Patience {
  const known = patienceOf.get(t)
  if (known !== undefined) return known
  const patience = { command: 60_000 }
  patienceOf.set(t, patience)
  const { begin } = CommandWatch.prototype
  t.mock.method(CommandWatch.prototype, 'begin', function (this: CommandWatch, command: Command) {
    this.patience = patience.command
    return begin.call(this, command)
  })
  return patience
}

/** Starts a Redis, or a Sentinel, and waits until it is there. */
export async function spawnRedis(port: number, more: string[] = []): Promise<ChildProcess> {
  const server = spawn(
    'redis-server',
    [
      ...more,
      '--port',
      String(port),
      '--bind',
      '127.0.0.1',
      ...(more.includes('--sentinel') ? [] : ['--save', '', '--appendonly', 'no']),
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  await new Promise<void>((resolve, reject) => {
    server.on('error', reject)
    server.on('exit', (code) => reject(new Error(`redis-server ended with ${code}`)))
    server.stdout!.on('data', (text) => {
      if (/eady to accept connections|\+monitor/.test(String(text))) resolve()
    })
  })
  return server
}

export async function stopRedis(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return
  const gone = once(server, 'exit')
  server.kill('SIGKILL')
  await gone
}

/** A Redis that ends with the test. */
export async function startRedis(t: TestContext, port: number, more: string[] = []): Promise<ChildProcess> {
  const server = await spawnRedis(port, more)
  t.after(() => stopRedis(server))
  return server
}

/** A patient connection to a new Redis, and the way to end both. */
export async function startRedisClient(): Promise<{ client: Redis; stop: () => Promise<void> }> {
  const port = await closedPort()
  const server = await spawnRedis(port)
  const client = new Redis(port)
  await client.ping()
  return {
    client,
    stop: async () => {
      client.disconnect()
      await stopRedis(server)
    },
  }
}
