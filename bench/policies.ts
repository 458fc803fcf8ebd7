import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { createSigner } from 'fast-jwt'
import { hashPassword } from '../src/auth/basic/password-hash.ts'
import { newKey } from '../src/auth/api-key/api-key-hash.ts'
import { signedHeaders } from '../test/auth/http-signature/signer.ts'
import { freePort, RunningProgram, stopAll } from './child-process.ts'
import { sendLoad } from './load.ts'
import { ask, untilAnswers } from './probe.ts'
import { cpuMicroseconds } from './process-usage.ts'
import { findProgram, LOAD_CORE, SERVER_CORE } from './programs.ts'
import { table } from './report.ts'
import { startBackend, temporaryFolder } from './station.ts'
import { median } from './statistics.ts'

/**
 * What each way of authenticating and each limit adds to an open route, in processor time of one gateway process:
 * `npm run bench:policies -- [--rounds n] [--seconds n]`.
 */
const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '7' }, seconds: { type: 'string', default: '2' } },
})
const rounds = Number(values.rounds)
const seconds = Number(values.seconds)
const WARM_ROUNDS = 2
const SIGNATURE_SECRET = 'a secret for signatures, long enough'

interface Case {
  name: string
  label: string
  /** What the route says, beside its path. */
  route: Record<string, unknown>
  headers?: Record<string, string>
  redis?: boolean
  /** Most microseconds that it may add. */
  goal?: number
}

const LOTS = 1_000_000_000
const open = { auth: 'none' }
const limited = (rateLimit: unknown) => ({ auth: 'none', rateLimit })
const windowed = (more: object = {}) => ({ max: LOTS, window: '1 minute', by: 'address', ...more })
const LIMITS: Case[] = [
  { name: 'fixed', label: 'limit: fixed window', route: limited(windowed()), goal: 1.5 },
  { name: 'sliding', label: 'limit: sliding window', route: limited(windowed({ algorithm: 'sliding' })), goal: 1.5 },
  { name: 'bucket', label: 'limit: token bucket', route: limited(windowed({ algorithm: 'token-bucket' })), goal: 1.5 },
  {
    name: 'concurrency',
    label: 'limit: requests at once',
    route: limited({ concurrent: 100_000, by: 'address' }),
    goal: 1.5,
  },
  {
    name: 'quota',
    label: 'limit: quota of the month',
    route: limited({ quota: { max: LOTS, per: 'month' }, by: 'address' }),
    goal: 1.5,
  },
  {
    name: 'several',
    label: 'three limits at once',
    route: limited([
      windowed(),
      windowed({ algorithm: 'sliding' }),
      { quota: { max: LOTS, per: 'day' }, by: 'address' },
    ]),
  },
]

const keys = generateKeyPairSync('rsa', { modulusLength: 2048 })
const pem = (key: KeyObject, type: 'pkcs8' | 'spki'): string => key.export({ type, format: 'pem' }) as string
const hmacSecret = 'a secret of the bench, which protects nothing'
const bearer = (issuer: string, options: { key: string; algorithm: 'HS256' | 'RS256' }): Record<string, string> => ({
  authorization: `Bearer ${createSigner({ ...options, expiresIn: 86_400_000 })({ iss: issuer, sub: 'ada', scope: 'items:read' })}`,
})

/** An authorization server, and a service that forward-auth asks. */
async function startIdentity(): Promise<string> {
  const server = createServer((request, response) => {
    request.resume()
    if (request.url === '/introspect') {
      response.setHeader('content-type', 'application/json').end('{"active":true,"sub":"ada","scope":"items:read"}')
    } else response.setHeader('remote-user', 'ada').end()
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  server.unref()
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const startRedis = (port: number): RunningProgram =>
  new RunningProgram(
    {
      command: findProgram('redis-server')!,
      args: ['--port', String(port), '--bind', '127.0.0.1', '--save', ''],
      env: {},
    },
    LOAD_CORE,
  )

async function main(): Promise<void> {
  const folder = temporaryFolder()
  const port = await freePort()
  const backend = await startBackend(folder)
  const identity = await startIdentity()
  const redisPort = findProgram('redis-server') === null ? null : await freePort()
  if (redisPort === null) console.log('Left out: redis-server is not installed (apt-get install redis-server).')
  else startRedis(redisPort)
  const { key, sha256 } = newKey()
  const scopes = ['items:read']
  const cases: Case[] = [
    { name: 'open', label: 'open route', route: open },
    {
      name: 'hs256',
      label: 'token HS256, verified before',
      route: { auth: { jwt: { scopes } } },
      headers: bearer('hs', { key: hmacSecret, algorithm: 'HS256' }),
      goal: 3,
    },
    {
      name: 'rs256',
      label: 'token RS256, verified before',
      route: { auth: { jwt: { scopes } } },
      headers: bearer('rs', { key: pem(keys.privateKey, 'pkcs8'), algorithm: 'RS256' }),
      goal: 3,
    },
    { name: 'key', label: 'API key', route: { auth: { apiKey: { scopes } } }, headers: { 'x-api-key': key } },
    {
      name: 'basic',
      label: 'name and password, verified before',
      route: { auth: { basic: { scopes } } },
      headers: { authorization: `Basic ${btoa('ada:correct horse')}` },
    },
    {
      name: 'introspection',
      label: 'opaque token, asked before',
      route: { auth: { introspection: { scopes } } },
      headers: { authorization: 'Bearer opaque' },
    },
    {
      name: 'forward',
      label: 'forward-auth, asked before',
      route: { auth: { forwardAuth: {} } },
      headers: { cookie: 'session=1' },
    },
    {
      name: 'signature',
      label: 'signed request, HMAC',
      route: { auth: { signature: { scopes } } },
      headers: signedHeaders({ host: `127.0.0.1:${port}`, path: '/signature/items/42?limit=20' }),
    },
    ...LIMITS,
    ...(redisPort === null
      ? []
      : LIMITS.map((limit) => ({
          ...limit,
          name: `${limit.name}-redis`,
          label: `${limit.label}, in Redis`,
          redis: true,
          goal: undefined,
        }))),
  ]
  const config = {
    jwt: {
      issuers: [
        { issuer: 'hs', secret: hmacSecret },
        { issuer: 'rs', publicKey: pem(keys.publicKey, 'spki') },
      ],
    },
    apiKeys: { keys: [{ name: 'ada', sha256, scopes }] },
    basic: { users: [{ name: 'ada', password: await hashPassword('correct horse'), scopes }], rememberFor: '1h' },
    introspection: { url: `${identity}/introspect`, clientId: 'gateway', clientSecret: 'secret', cacheFor: '1h' },
    forwardAuth: { url: `${identity}/verify`, cacheFor: '1h' },
    signatures: { keys: [{ keyid: 'k1', secret: SIGNATURE_SECRET, scopes }], maxAge: '1h' },
    log: { access: false, format: 'json', level: 'warn' },
  }
  const measured = [{ port, cases: cases.filter(({ redis }) => !redis), config: config as object }]
  if (redisPort !== null) {
    measured.push({
      port: await freePort(),
      cases: [cases[0]!, ...cases.filter(({ redis }) => redis)],
      config: { log: config.log, redis: `redis://127.0.0.1:${redisPort}` },
    })
  }
  const rows = [['added to an open route, one gateway process', 'CPU us/request', 'spread', 'goal']]
  for (const [i, group] of measured.entries()) rows.push(...(await measure(group, backend, join(folder, String(i)))))
  console.log(table(rows))
}

/** Starts a gateway with a route for each case, and sends load to each in turn, round by round. */
async function measure(
  { port, cases, config }: { port: number; cases: readonly Case[]; config: object },
  backend: string,
  folder: string,
): Promise<string[][]> {
  mkdirSync(join(folder, 'routes'), { recursive: true })
  writeFileSync(join(folder, 'gateway.json'), JSON.stringify({ ...config, docs: false }))
  const routes = cases.map(({ name, route }) => ({
    method: 'GET',
    url: `/${name}/items/:id`,
    rewritePath: '/items/:id',
    ...route,
  }))
  writeFileSync(
    join(folder, 'routes/bench.json'),
    JSON.stringify({ name: 'bench', targets: [`http://${backend}`], routes }),
  )
  const program = new RunningProgram(
    {
      command: process.execPath,
      args: [
        fileURLToPath(new URL('../bin/gatehouse.js', import.meta.url)),
        'start',
        '--config',
        join(folder, 'gateway.json'),
        '--port',
        String(port),
      ],
      env: {},
      output: join(folder, 'gateway.log'),
    },
    SERVER_CORE,
  )
  await untilAnswers(port, '/livez', () => program.failure)
  const costs = new Map<string, number[]>(cases.map(({ name }) => [name, []]))
  for (const { name, headers, route } of cases) {
    const path = `/${name}/items/42?limit=20`
    const { status, body } = await ask(port, path, headers)
    if (status !== 200) throw new Error(`${name}: answered ${status}: ${body}`)
    if (route.auth !== 'none' && (await ask(port, path)).status !== (name === 'forward' ? 200 : 401)) {
      throw new Error(`${name}: lets strangers in`)
    }
  }
  for (let round = -WARM_ROUNDS; round < rounds; round++) {
    for (const { name, headers = {} } of cases) {
      const before = cpuMicroseconds(program.pid)
      const { requests, errors } = await sendLoad({
        url: `http://127.0.0.1:${port}/${name}/items/42?limit=20`,
        headers: [headers],
        connections: 64,
        seconds,
        folder,
      })
      if (errors > 0) throw new Error(`${name}: ${errors} of ${requests} requests failed`)
      if (round >= 0) costs.get(name)!.push((cpuMicroseconds(program.pid) - before) / requests)
    }
    process.stderr.write(`  round ${round + 1} of ${rounds}\n`)
  }
  await program.stop()
  const open = costs.get('open')!
  return cases.map(({ name, label, goal }) => {
    const own = costs.get(name)!
    const added = own.map((cost, i) => cost - open[i]!)
    const spread = `${(Math.max(...added) - Math.min(...added)).toFixed(1)}`
    if (name === 'open') {
      return [label, median(own).toFixed(1), `${(Math.max(...own) - Math.min(...own)).toFixed(1)}`, '']
    }
    return [
      label,
      `+${median(added).toFixed(2)}`,
      spread,
      goal === undefined ? '' : `${goal} ${median(added) <= goal ? 'met' : 'missed'}`,
    ]
  })
}

let code = 0
try {
  await main()
} catch (error) {
  console.error(`bench: ${(error as Error).message}`)
  code = 1
}
await stopAll()
process.exit(code)
