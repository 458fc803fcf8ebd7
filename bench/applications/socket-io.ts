import assert from 'node:assert/strict'
import { fileURLToPath } from 'node:url'
import { freePort } from '../child-process.ts'
import { untilAnswers } from '../probe.ts'
import type { Application, Drive } from './application.ts'

interface Client {
  io: { engine: { transport: { name: string } } }
  on: (event: string, listener: (value: never) => void) => void
  once: Client['on']
  emitWithAck: (event: string, value: unknown) => Promise<unknown>
  emit: (event: string, value: unknown) => void
  close: () => void
}
interface Library {
  io: (url: string, options: object) => Client
}

/** A client that is connected. */
interface Guest {
  client: Client
  /** The process that it has reached. */
  process: number
}

const CLIENTS = 60

function join({ workshop, url }: Drive, transports: readonly string[]): Promise<Guest> {
  // cookies are kept as a browser keeps them, so that a session stays with its process
  const options = { transports, withCredentials: true, forceNew: true, reconnection: false }
  const client = workshop.load<Library>('socket.io-client').io(url, options)
  return new Promise((resolve, reject) => {
    client.once('connect_error', (error: Error) => reject(error))
    client.once('welcome', (process: number) => resolve({ client, process }))
  })
}

async function echoes(guest: Guest): Promise<void> {
  assert.equal(await guest.client.emitWithAck('echo', 'grüße'), 'grüße')
  const bytes = Buffer.alloc(70_000, 'x')
  assert.deepEqual(Buffer.from((await guest.client.emitWithAck('echo', bytes)) as Buffer), bytes)
}

async function untilUpgraded({ client }: Guest): Promise<void> {
  while (client.io.engine.transport.name !== 'websocket') await new Promise((resolve) => setTimeout(resolve, 20))
}

export const socketIo: Application = {
  name: 'socket-io',
  packages: { 'socket.io': '4.8.4', 'socket.io-client': '4.8.4', '@socket.io/cluster-adapter': '0.3.0' },

  async start(workshop) {
    const ports = [await freePort(), await freePort()]
    const server = fileURLToPath(new URL('servers/socket-io.ts', import.meta.url))
    await workshop.serve([server], ports[0]!, { PORTS: ports.join() })
    await untilAnswers(ports[1]!, '/', () => null)
    return ports
  },

  async drive(drive) {
    const guests: Guest[] = []
    for (const [what, transports] of [
      ['polling alone', ['polling']],
      ['WebSocket alone', ['websocket']],
    ] as const) {
      await drive.step(`${what}: messages, and 70 kB of binary data`, async () => {
        const guest = await join(drive, transports)
        guests.push(guest)
        await echoes(guest)
      })
    }
    await drive.step('polling that is upgraded to WebSocket', async () => {
      const guest = await join(drive, ['polling', 'websocket'])
      guests.push(guest)
      await untilUpgraded(guest)
      await echoes(guest)
    })
    await drive.step(`${CLIENTS} more clients, over both processes`, async () => {
      const transports = [['polling'], ['websocket'], ['polling', 'websocket']]
      guests.push(...(await Promise.all(Array.from({ length: CLIENTS }, (_, i) => join(drive, transports[i % 3]!)))))
      assert.equal(new Set(guests.map(({ process }) => process)).size, 2, 'processes that were reached')
    })
    await drive.step('a message of one client reaches all, in both processes', async () => {
      assert.equal(guests.length, CLIENTS + 3)
      const heard = guests.map(({ client }) => new Promise<string>((resolve) => client.once('said', resolve)))
      guests[0]!.client.emit('say', 'dinner is ready')
      assert.deepEqual(new Set(await Promise.all(heard)), new Set(['dinner is ready']))
    })
    for (const { client } of guests) client.close()
  },
}
