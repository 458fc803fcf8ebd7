import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import type { ConfigInput } from '../../src/config/config-schema.ts'
import { type Backend, startBackend } from '../support/backend.ts'
import { type Gateway, JWT_SECRET, startGateway } from '../support/gateway.ts'
import { rawRequest, type RawResponse } from '../support/raw-client.ts'

/** The headers that ask for a WebSocket. */
export const UPGRADE =
  'connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n'

/** A backend that accepts upgrades too, and keeps the bytes as they came over the wire. */
export interface Recorder extends Backend {
  wire: () => string
  /** Method and target of everything that arrived, upgrades included. */
  targets: () => string[]
}

export async function startRecorder(t: TestContext): Promise<Recorder> {
  const backend = await startBackend(t)
  const pieces: Buffer[] = []
  const targets: string[] = []
  backend.server.on('connection', (socket) => {
    socket.on('data', (chunk: Buffer) => pieces.push(Buffer.from(chunk)))
  })
  backend.server.on('request', ({ method, url }) => targets.push(`${method} ${url}`))
  backend.server.on('upgrade', ({ url }, socket) => {
    targets.push(`UPGRADE ${url}`)
    socket.on('error', () => {})
    socket.on('end', () => socket.end())
    socket.resume()
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n',
    )
  })
  return { ...backend, wire: () => Buffer.concat(pieces).toString('latin1'), targets: () => targets }
}

/** The two ways of forwarding: a declared route and a pass-through, each below its prefix and open to WebSockets. */
export const WAYS = ['/declared', '/pass'] as const

/** A gateway with both ways to one target. */
export async function startWays(
  t: TestContext,
  target: string,
  upstream: object = {},
  { files = {}, config = {} }: { files?: Record<string, unknown>; config?: ConfigInput } = {},
): Promise<Gateway> {
  return startGateway(
    t,
    {
      'declared.json': {
        name: 'declared',
        prefix: '/declared',
        auth: 'none',
        targets: [target],
        ...upstream,
        routes: [
          { method: ['POST', 'PUT', 'DELETE', 'OPTIONS'], url: '/*' },
          { method: 'GET', url: '/*', websocket: true },
        ],
      },
      'pass.json': {
        name: 'pass',
        prefix: '/pass',
        auth: 'none',
        targets: [target],
        ...upstream,
        passThrough: { websocket: true },
      },
      ...files,
    },
    { jwt: { secret: JWT_SECRET }, ...config },
  )
}

/** A GET as it stands on the wire. */
export const get = (target: string, more = '', version = '1.1', host = 'x'): string =>
  `GET ${target} HTTP/${version}\r\nhost: ${host}\r\n${more}\r\n`

/** Asks with and without an upgrade. */
export async function askBoth(port: number, target: string, more = '', host = 'x'): Promise<RawResponse[]> {
  return [
    await rawRequest(port, get(target, more, '1.1', host)),
    await rawRequest(port, get(target, more + UPGRADE, '1.1', host)),
  ]
}

/** A connection on which a test writes piece by piece. */
export interface Wire {
  socket: Socket
  text: () => string
  /** Resolves when what has come matches, rejects when the gateway closes without. */
  until: (pattern: RegExp) => Promise<string>
  /** Everything that came, once the gateway has closed. */
  closed: Promise<string>
}

export async function openWire(t: TestContext, port: number): Promise<Wire> {
  const socket = connect(port, '127.0.0.1').setEncoding('latin1')
  t.after(() => socket.destroy())
  let text = ''
  socket.on('data', (chunk: string) => {
    text += chunk
  })
  socket.on('error', () => {})
  const closed = new Promise<string>((resolve) => socket.once('close', () => resolve(text)))
  await once(socket, 'connect')
  return {
    socket,
    closed,
    text: () => text,
    until: (pattern) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (pattern.test(text)) resolve(text)
        }
        socket.on('data', look)
        socket.once('close', () => reject(new Error(`closed without ${pattern}: ${JSON.stringify(text)}`)))
        look()
      }),
  }
}

/** Whether the gateway still answers, asked over a new connection. */
export async function isAlive(port: number): Promise<boolean> {
  return (await rawRequest(port, get('/livez'))).status === 200
}

/** Rejects when `work` is not done in time, so that a hanging exchange fails its own test. */
export async function inTime<T>(work: Promise<T>, what: string, ms = 60_000): Promise<T> {
  let timer: NodeJS.Timeout
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${ms} ms: ${what}`)), ms)
  })
  return Promise.race([work, late]).finally(() => clearTimeout(timer))
}
