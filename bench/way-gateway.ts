import { createHmac } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, get } from 'node:http'
import { Session } from 'node:inspector/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { order, recordOrder, restart } from './call-order.ts'

// A gateway, its service and a client in one process, which reports what a GET with a token, a limit, a schema and a
// cache miss runs. `proof-way.ts` starts it twice: with `coverage`, and with `order`.

/** What the process sends to the one that started it. */
export interface Measured {
  /** Functions that ran in each of the measured requests, by the files of `src` and `plugins`. */
  functions?: Record<string, string[]>
  /** These files in the order in which a function of them was first called. */
  order?: string[]
}

const WARM_UP = 300
/** A file counts when it ran in each of these requests, which leaves out timers of the background. */
const MEASURED = 5
const SECRET = 'a secret of the bench, which protects nothing'
const ROOT = new URL('../', import.meta.url).href
const OWN = [`${ROOT}src/`, `${ROOT}plugins/`]

const mode = process.argv[2]
if (mode === 'order') recordOrder()
const { buildApp } = await import('../src/app.ts')
const { loadConfig } = await import('../src/config/load-config.ts')

const service = createServer((_, response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'max-age=60' }).end('{"id":1}')
})
await new Promise<void>((resolve) => {
  service.listen(0, '127.0.0.1', resolve)
})
const folder = mkdtempSync(join(tmpdir(), 'gatehouse-way-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
const upstream = {
  name: 'orders',
  prefix: '/orders',
  targets: [`http://127.0.0.1:${(service.address() as AddressInfo).port}`],
  auth: { jwt: { scopes: ['orders:read'] } },
  rateLimit: { max: 1_000_000, window: '1 minute', by: 'consumer' },
  cache: true,
  routes: [
    {
      method: 'GET',
      url: '/:id',
      schema: { params: { type: 'object', properties: { id: { type: 'integer', minimum: 1 } } } },
    },
  ],
}
mkdirSync(join(folder, 'routes'))
writeFileSync(join(folder, 'routes/orders.json'), JSON.stringify(upstream))
const file = join(folder, 'gatehouse.config.json')
writeFileSync(file, JSON.stringify({ routes: './routes', jwt: { secret: SECRET }, log: { format: 'json' } }))
const app = await buildApp(await loadConfig({ file, env: {}, cwd: folder, overrides: {} }))
await app.listen({ host: '127.0.0.1', port: 0 })
const { port } = app.server.address() as AddressInfo

const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
const claims = { sub: 'ada', scope: 'orders:read', exp: Math.floor(Date.now() / 1000) + 3600 }
const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`
const token = `${signed}.${createHmac('sha256', SECRET).update(signed).digest('base64url')}`

let id = 0
/** Asks for what was never asked for. */
async function ask(): Promise<void> {
  id++
  await new Promise<void>((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}` }
    get({ host: '127.0.0.1', port, path: `/orders/${id}`, headers }, (response) => {
      const cached = String(response.headers['cache-status'])
      if (response.statusCode !== 200 || !/fwd=uri-miss;.*stored/.test(cached)) {
        reject(new Error(`a GET was answered ${response.statusCode}, cache-status ${cached}, expected a stored miss`))
      }
      response.resume().on('end', resolve).on('error', reject)
    }).on('error', reject)
  })
  // what follows the answer, such as the access log
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
}

/** What ran since the last time this was asked. */
async function ran(session: Session): Promise<Map<string, Set<string>>> {
  const { result } = await session.post('Profiler.takePreciseCoverage')
  const found = new Map<string, Set<string>>()
  for (const { url, functions } of result) {
    if (!OWN.some((start) => url.startsWith(start))) continue
    const names = functions.filter(({ ranges }) => ranges[0]!.count > 0).map(({ functionName }) => functionName || '=>')
    if (names.length > 0) found.set(url.slice(ROOT.length), new Set(names))
  }
  return found
}

async function coverage(): Promise<Record<string, string[]>> {
  const session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false })
  for (let count = 0; count < WARM_UP; count++) await ask()
  let common: Map<string, Set<string>> | undefined
  for (let count = 0; count < MEASURED; count++) {
    await ran(session)
    await ask()
    const now = await ran(session)
    for (const file of common?.keys() ?? []) if (!now.has(file)) common!.delete(file)
    common ??= now
  }
  session.disconnect()
  return Object.fromEntries([...common!].map(([file, names]) => [file, [...names]]))
}

async function firstCalls(): Promise<string[]> {
  for (let count = 0; count < WARM_UP; count++) await ask()
  restart()
  await ask()
  return order()
}

const measured: Measured = mode === 'order' ? { order: await firstCalls() } : { functions: await coverage() }
process.send?.(measured)
process.disconnect?.()
await app.close()
service.closeAllConnections()
service.close()
