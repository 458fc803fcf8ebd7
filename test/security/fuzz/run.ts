import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { digestOf } from '../../../src/auth/api-key/api-key-hash.ts'
import { hashPassword } from '../../../src/auth/basic/password-hash.ts'
import { SECRET } from '../../auth/http-signature/signer.ts'
import { rawRequest } from '../../support/raw-client.ts'
import { random } from './random.ts'
import { type Sending, sending } from './requests.ts'

/**
 * Sends malformed and odd requests to a gateway with everything on, whose upstreams answer oddly too. After each
 * thousand it checks that the gateway lives, answers a good request, keeps its memory bounded and holds no connection,
 * and that its log has no error of its own. `npm run fuzz -- --seconds 60 --seed 1`; a seed repeats what is sent.
 */
export interface FuzzOptions {
  seed: number
  /** Stops after so many requests, or so many seconds. */
  connections?: number
  seconds?: number
  say?: (line: string) => void
}

const CONFIG = 'gatehouse.config.json'
const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
/** Connections at a time, and between two checks. */
const AT_ONCE = 20
const ROUND = 1000
/** Milliseconds that an answer is waited for; some requests never get one, because they are not complete. */
const PATIENCE = 250
/** The gateway may use so much more memory than after the first round. Bytes. */
const GROWTH = 200 * 1024 * 1024
const MOST = 700 * 1024 * 1024
/** Lines of the log that no request may cause. */
const FAULT = /that nothing has caught|"code":"GW_INTERNAL"|"level":60/

const STATE_CHANGES = [
  'POST /purge HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 14\r\n\r\n{"prefix":"/"}',
  'POST /cached/x?n=1 HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n',
  'DELETE /cached/y?n=2 HTTP/1.1\r\nhost: x\r\n\r\n',
]

async function declarations(folder: string, targets: string[]): Promise<void> {
  const base = {
    auth: 'none',
    targets,
    stripPrefix: true,
    timeouts: { firstByte: '1s', idle: '1s', total: '3s' },
    retries: { attempts: 1, on: ['connect', 'reset', 503], methods: ['GET', 'HEAD'] },
  }
  mkdirSync(join(folder, 'routes'))
  const guarded = ['jwt', 'basic', 'apiKey', 'signature']
  const write = (name: string, content: unknown): void =>
    writeFileSync(
      join(folder, name === CONFIG ? '' : 'routes', name),
      typeof content === 'string' ? content : JSON.stringify(content),
    )
  write('plain.json', {
    ...base,
    name: 'plain',
    prefix: '/plain',
    passThrough: { websocket: true },
    targets: targets.map((url) => ({ url, maxConnections: 50 })),
    mirror: { targets: [targets[0]] },
    hedging: { after: '20ms' },
    queue: { max: 50, timeout: '1s' },
    circuitBreaker: { failures: 50 },
  })
  write('cached.json', {
    ...base,
    name: 'cached',
    prefix: '/cached',
    cache: { methods: ['GET', 'HEAD', 'QUERY'] },
    compress: true,
    clientCache: { etag: true },
    cors: { origins: '*' },
    securityHeaders: true,
    routes: [
      { method: ['QUERY', 'POST', 'PUT', 'DELETE'], url: '/*' },
      { method: 'GET', url: '/*' },
    ],
  })
  write('checked.json', {
    ...base,
    name: 'checked',
    prefix: '/checked',
    routes: [
      {
        method: ['POST', 'PUT', 'PATCH', 'QUERY'],
        url: '/x',
        schema: {
          body: { type: 'object', properties: { a: { type: 'integer' } } },
          response: { 200: { type: 'object', properties: { a: { type: 'integer' } } } },
        },
      },
    ],
  })
  write('guarded.json', {
    ...base,
    name: 'guarded',
    prefix: '/guarded',
    rateLimit: [{ max: 1_000_000, window: '1 hour' }],
    concurrency: { max: 100 },
    identityHeaders: { 'x-user': 'sub' },
    routes: [
      ...guarded.map((scheme) => ({ method: ['GET', 'POST'], url: `/${scheme}`, auth: { [scheme]: {} } })),
      { method: 'GET', url: '/all', auth: { all: [{ basic: {} }, { apiKey: {} }] } },
      { method: 'GET', url: '/optional', auth: { optional: { basic: {} } }, cache: true },
    ],
  })
  write('limited.json', {
    ...base,
    name: 'limited',
    prefix: '/limited',
    rateLimit: [{ max: 5, window: '1 second', by: 'address' }, { concurrent: 5 }],
    passThrough: true,
  })
  write('matched.json', {
    ...base,
    name: 'matched',
    prefix: '/matched',
    cache: { methods: ['GET', 'QUERY'] },
    routes: [{ method: ['GET', 'QUERY'], url: '/x', match: { headers: { 'x-v': '1' } } }],
  })
  write('files.json', {
    ...base,
    stripPrefix: false,
    name: 'files',
    hosts: ['files.test'],
    cache: true,
    passThrough: true,
    paths: 'as-is',
  })
  write(
    'own.ts',
    `export default async function own (app) {
    app.get('/own', { config: { auth: 'none' } }, () => ({ own: true }))
    app.get('/own/x', { config: { auth: 'none' } }, (request, reply) => reply.forward('plain', { path: '/x' + (request.url.includes('?') ? request.url.slice(request.url.indexOf('?')) : '') }))
  }`,
  )
  write(CONFIG, {
    routes: './routes',
    openapi: './routes',
    log: { level: 'info', access: false, format: 'json' },
    failedAttempts: { max: 1_000_000 },
    jwt: { secret: 'a secret for tests, long enough for HS256' },
    basic: { users: [{ name: 'ada', password: await hashPassword('secret') }] },
    apiKeys: { keys: [{ name: 'ada', sha256: digestOf('a key of the fuzz').toString('hex') }] },
    signatures: { keys: [{ keyid: 'k1', consumer: 'ada', secret: SECRET }] },
    status: { path: '/status', auth: 'none' },
    metrics: { path: '/metrics', auth: 'none' },
    cache: { memory: '8MiB', purge: { path: '/purge', auth: 'none' } },
  })
}

/** Starts a program, and resolves to what `ready` finds in its output. */
function launch(
  args: string[],
  ready: RegExp,
  cwd: string,
  onLine: (line: string) => void = () => {},
): Promise<{ child: ChildProcess; found: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      cwd,
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, NODE_OPTIONS: '' },
    })
    let rest = ''
    let errors = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      rest += text
      for (let end = rest.indexOf('\n'); end !== -1; end = rest.indexOf('\n')) {
        const line = rest.slice(0, end)
        rest = rest.slice(end + 1)
        onLine(line)
        const [, found] = ready.exec(line) ?? []
        if (found !== undefined) resolve({ child, found })
      }
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors = (errors + text).slice(-4000)
    })
    child.on('exit', (code, signal) => reject(new Error(`${args[0]} ended (${signal ?? code}): ${errors}`)))
  })
}

/** Sends one connection's bytes; resolves when it is over, or when it was waited for long enough. */
function send(port: number, { pieces, then }: Sending): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const timer = setTimeout(() => socket.destroy(), PATIENCE)
    socket.on('error', () => {})
    socket.on('close', () => {
      clearTimeout(timer)
      resolve()
    })
    socket.resume()
    socket.on('connect', async () => {
      for (const piece of pieces) {
        if (socket.destroyed) return
        socket.write(Buffer.from(piece, 'latin1'))
        await pause(pieces.length > 1 ? 2 : 0)
      }
      if (then === 'end') socket.end()
      else if (then === 'destroy') socket.destroy()
      else if (then === 'reset') socket.resetAndDestroy()
    })
  })
}

const memoryOf = (pid: number): number =>
  Number(/VmRSS:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1024

/** Tries again until nothing is held any more; the gateway sees a close only a little later. */
async function nothingHeld(port: number): Promise<string | null> {
  let held = ''
  for (let i = 0; i < 100; i++) {
    const { body } = await rawRequest(port, 'GET /status HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
    held = (body.match(/"inFlight":[1-9]\d*|"waiting":[1-9]\d*/g) ?? []).join(', ')
    if (held === '') return null
    await pause(100)
  }
  return held
}

/** @returns how many connections were made. @throws Error with the seed when the gateway fails a check */
export async function fuzz({
  seed,
  connections = Infinity,
  seconds = Infinity,
  say = () => {},
}: FuzzOptions): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-fuzz-'))
  const children: ChildProcess[] = []
  const faults: string[] = []
  try {
    const upstreams = await Promise.all([1, 2].map(() => launch([file('odd-upstream.ts')], /^port (\d+)/, folder)))
    children.push(...upstreams.map(({ child }) => child))
    await declarations(
      folder,
      upstreams.map(({ found }) => `http://127.0.0.1:${found}`),
    )
    const gateway = await launch(
      ['--max-old-space-size=160', file('../../../bin/gatehouse.js'), 'start', '--port', '0'],
      /ready on http:\/\/127\.0\.0\.1:(\d+)/,
      folder,
      (line) => {
        if (FAULT.test(line)) faults.push(line.slice(0, 3000))
      },
    )
    children.push(gateway.child)
    const port = Number(gateway.found)
    const { next } = random(seed)
    const end = performance.now() + seconds * 1000
    let sent = 0
    let base = 0
    while (sent < connections && performance.now() < end) {
      let left = Math.min(ROUND, connections - sent)
      const worker = async (): Promise<void> => {
        while (left-- > 0 && performance.now() < end) {
          const n = sent++
          if (n % 100 === 99) await send(port, { pieces: [STATE_CHANGES[n % STATE_CHANGES.length]!], then: 'wait' })
          else await send(port, sending(next, n))
        }
      }
      await Promise.all(Array.from({ length: AT_ONCE }, worker))
      const wrong = await check(port, gateway.child, faults)
      const memory = gateway.child.exitCode === null ? memoryOf(gateway.child.pid!) : 0
      if (base === 0) base = memory
      say(`seed ${seed}: ${sent} connections, ${Math.round(memory / 1024 / 1024)} MiB`)
      if (memory > Math.min(MOST, base + GROWTH)) wrong.push(`memory grew from ${base} to ${memory} bytes`)
      if (wrong.length > 0) throw new Error(`seed ${seed}, after ${sent} connections:\n${wrong.join('\n')}`)
    }
    return sent
  } finally {
    for (const child of children) child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
}

async function check(
  port: number,
  { exitCode, signalCode }: ChildProcess,
  faults: readonly string[],
): Promise<string[]> {
  const wrong = [...new Set(faults)].slice(0, 5)
  if (exitCode !== null || signalCode !== null) return [`the gateway has ended (${signalCode ?? exitCode})`, ...wrong]
  for (const path of ['/livez', '/plain/good', '/own']) {
    const { status } = await rawRequest(port, `GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`).catch(
      () => ({ status: 0 }),
    )
    if (status !== 200) wrong.push(`${path} is ${status}`)
  }
  const held = await nothingHeld(port)
  if (held !== null) wrong.push(`still held: ${held}`)
  return wrong
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: { seconds: { type: 'string', default: '60' }, seed: { type: 'string' } } })
  const seed = Number(values.seed ?? Date.now() % 1_000_000)
  try {
    await fuzz({ seed, seconds: Number(values.seconds), say: (line) => process.stdout.write(`${line}\n`) })
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`)
    process.exitCode = 1
  }
}
