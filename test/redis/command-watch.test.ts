import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { Command, type Redis } from 'ioredis'
import { CommandWatch } from '../../src/redis/command-watch.ts'

/** A client that sends nowhere, and clocks that the test sets. */
function watched(t: TestContext, patience = 2000) {
  t.mock.timers.enable({ apis: ['setInterval'] })
  let now = 0
  t.mock.method(performance, 'now', () => now)
  const sent: Command[] = []
  const client = {
    sendCommand: (command: Command) => {
      sent.push(command)
      return command.promise
    },
  } as unknown as Redis
  let silences = 0
  const watch = new CommandWatch(patience, () => {
    silences++
  })
  watch.follow(client)
  const settled: string[] = []
  return {
    watch,
    sent,
    settled,
    silences: () => silences,
    send(name: string): Command {
      const command = new Command(name)
      client.sendCommand(command)
      command.promise.then(
        () => settled.push(`${name}: answered`),
        (error: Error) => settled.push(`${name}: ${error.message}`),
      )
      return command
    },
    /** One turn of the loop, after so many milliseconds. */
    async turn(ms = 100): Promise<void> {
      now += ms
      t.mock.timers.tick(100)
      await new Promise(setImmediate)
    },
  }
}

test('a command fails when it has waited, and Redis is silent when it has answered nothing for that long', async (t) => {
  const { send, turn, settled, silences } = watched(t)
  send('first')
  for (let i = 0; i < 10; i++) await turn()
  const second = send('second')
  for (let i = 0; i < 9; i++) await turn()
  assert.deepEqual([settled, silences()], [[], 0])
  second.resolve('x')
  await new Promise(setImmediate)
  await turn()
  assert.deepEqual(settled, ['second: answered', 'first: no answer from Redis within 2000 ms'])
  assert.equal(silences(), 0, 'it has just answered another')
  send('third')
  for (let i = 0; i < 20; i++) await turn()
  assert.deepEqual([settled.at(-1), silences()], ['third: no answer from Redis within 2000 ms', 1])
})

test('time in which the process itself was busy does not count', async (t) => {
  const { send, turn, settled, silences } = watched(t)
  const command = send('slow')
  await turn(60_000)
  await turn(3000)
  for (let i = 0; i < 7; i++) await turn(10_000)
  assert.deepEqual([settled, silences()], [[], 0])
  await turn(10_000)
  assert.deepEqual([settled, silences()], [['slow: no answer from Redis within 2000 ms'], 1])
  command.resolve('too late')
})

test('after an idle time the first command has all its time', async (t) => {
  const { send, turn, settled } = watched(t)
  const first = send('first')
  first.resolve('x')
  await turn(1_000_000)
  send('second')
  await turn()
  assert.deepEqual(settled, ['first: answered'])
})

test('only so many commands wait', (t) => {
  const { send, sent, settled } = watched(t)
  for (let i = 0; i < 10_001; i++) send('x')
  assert.equal(sent.length, 10_000)
  return new Promise<void>((resolve) =>
    setImmediate(() => {
      assert.deepEqual(settled, ['x: too many commands wait for Redis'])
      resolve()
    }),
  )
})
