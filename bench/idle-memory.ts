import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { freePort, RunningProgram } from './child-process.ts'
import type { ProbedMemory } from './memory-probe.ts'
import { ask, untilAnswers } from './probe.ts'
import { cpuMicroseconds } from './process-usage.ts'
import { SERVER_CORE } from './programs.ts'
import { temporaryFolder } from './station.ts'

/**
 * Measures what processes hold when they are idle, after their boot and a few requests: `npm run bench:memory`, and
 * with `-- --features` what each feature adds to a plain gateway. All is read from Linux: PSS is the memory of a
 * process with its share of what it has in common with others, so it falls while other Node processes run; `own` is the
 * part of it that no other process has, and RSS counts Node's own program as a whole.
 */
const ROOT = fileURLToPath(new URL('..', import.meta.url))
const PROBE = pathToFileURL(join(ROOT, 'bench/memory-probe.ts')).href
const SECRET = 'a secret for measurements, long enough'
/** Milliseconds after the last request; the gateway looks every two seconds whether it is idle. */
const SETTLE = 6000
const REQUESTS = 20
const MiB = 1024 * 1024

interface Program {
  name: string
  args: string[]
  env?: Record<string, string>
  paths: string[]
}

interface Idle extends ProbedMemory {
  pss: number
  own: number
  rss: number
  /** Processor time until the first answer. Milliseconds. */
  bootCpu: number
}

/** A field of `/proc/PID/smaps_rollup`, in bytes. */
function rollup(pid: number, field: string): number {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(text)?.[1]) * 1024
}

async function measure({ args, env = {}, paths }: Program, folder: string): Promise<Idle> {
  const port = await freePort()
  const file = join(folder, 'memory.json')
  rmSync(file, { force: true })
  const words = ['--import', PROBE, ...args.map((word) => word.replace('PORT', String(port)))]
  const program = new RunningProgram(
    { command: process.execPath, args: words, env: { ...env, PORT: String(port), MEMORY_FILE: file, NODE_ENV: '' } },
    SERVER_CORE,
  )
  await untilAnswers(port, '/readyz', () => program.failure)
  const bootCpu = cpuMicroseconds(program.pid) / 1000
  for (let i = 0; i < REQUESTS; i++) await ask(port, paths[i % paths.length]!)
  await wait(SETTLE)
  const measured = {
    pss: rollup(program.pid, 'Pss'),
    own: rollup(program.pid, 'Pss_Anon'),
    rss: rollup(program.pid, 'Rss'),
    bootCpu,
  }
  process.kill(program.pid, 'SIGUSR2')
  while (!existsSync(file) || readFileSync(file, 'utf8') === '') await wait(20)
  await program.stop()
  return { ...measured, ...(JSON.parse(readFileSync(file, 'utf8')) as ProbedMemory) }
}

const gateway = join(ROOT, 'bin/gatehouse.js')
const demoPaths = ['/readyz', '/docs/json', '/orders', '/catalog/products', '/live']

const PROGRAMS: Program[] = [
  { name: 'bare Fastify', args: [join(ROOT, 'bench/servers/bare-fastify.ts')], paths: ['/items/1'] },
  {
    name: 'demo: gateway and four services in one process',
    args: [
      '--import',
      pathToFileURL(join(ROOT, 'demo/compiled-code.js')).href,
      join(ROOT, 'demo/start.ts'),
      '--port',
      'PORT',
    ],
    paths: demoPaths,
  },
  {
    name: 'gateway of the demo alone (gatehouse start)',
    args: [gateway, 'start', '--port', 'PORT', '--routes', join(ROOT, 'routes')],
    env: { GATEHOUSE_JWT_SECRET: SECRET, GATEHOUSE_LOG_FORMAT: 'json' },
    paths: demoPaths,
  },
]

/** Two patterns: one that needs a look, and one that needs the analyser of repeated groups. */
const PATTERNS = {
  type: 'object',
  properties: { a: { type: 'string', pattern: '^[a-z]+$' }, b: { type: 'string', pattern: '^(?=.*a)(?:a|b)+c+$' } },
}

/** What a plain gateway is asked to do besides. */
const FEATURES: Record<string, { config?: object; upstream?: object }> = {
  nothing: {},
  docs: { config: { docs: {} } },
  jwt: { config: { jwt: { secret: SECRET } } },
  login: {
    config: { login: { issuer: 'http://127.0.0.1:1', clientId: 'a', clientSecret: 'b', sessionSecret: SECRET } },
  },
  metrics: { config: { metrics: { auth: 'none' } } },
  status: { config: { status: { auth: 'none' } } },
  redis: { config: { redis: 'redis://127.0.0.1:1' } },
  compress: { config: { compress: true } },
  securityHeaders: { config: { securityHeaders: true } },
  cors: { config: { cors: { origins: ['https://a.example'] } } },
  mock: { upstream: { mock: true } },
  pattern: { upstream: { routes: [{ method: 'GET', url: '/x', schema: { querystring: PATTERNS } }] } },
  passThrough: { upstream: { passThrough: true } },
  'openapi (a YAML document)': { upstream: { openapi: 'a.yaml', responseValidation: 'report' } },
}

const DOCUMENT = `openapi: 3.1.0
info: { title: A, version: '1' }
paths:
  /d:
    get: { responses: { 200: { description: OK, content: { application/json: { schema: { type: object } } } } } }
`

async function featurePrograms(parent: string): Promise<Program[]> {
  const programs: Program[] = []
  for (const [name, { config, upstream }] of Object.entries(FEATURES)) {
    const folder = join(parent, name)
    await mkdir(join(folder, 'routes'), { recursive: true })
    await mkdir(join(folder, 'openapi'))
    writeFileSync(join(folder, 'openapi/a.yaml'), DOCUMENT)
    const settings = { docs: false, log: { format: 'json' }, ...config }
    const declaration = {
      name: 'a',
      prefix: '/a',
      auth: 'none',
      targets: ['http://127.0.0.1:1'],
      routes: [{ method: 'GET', url: '/x' }],
      ...upstream,
    }
    const file = join(folder, 'gatehouse.config.mjs')
    writeFileSync(file, `export default ${JSON.stringify(settings)}`)
    writeFileSync(join(folder, 'routes/a.mjs'), `export default ${JSON.stringify(declaration)}`)
    programs.push({ name, args: [gateway, 'start', '--port', 'PORT', '--config', file], paths: ['/readyz', '/a/x'] })
  }
  return programs
}

const {
  values: { features, runs },
} = parseArgs({ options: { features: { type: 'boolean', default: false }, runs: { type: 'string', default: '3' } } })
const folder = temporaryFolder()
const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1]!
const mib = (bytes: number): string => (bytes / MiB).toFixed(0).padStart(6)

console.log('   PSS    own    RSS   heap extern  modules  boot CPU   (MiB, ms)')
for (const program of [...(features ? await featurePrograms(folder) : PROGRAMS)]) {
  const found: Idle[] = []
  for (let i = 0; i < Number(runs); i++) found.push(await measure(program, folder))
  const of = (field: keyof Idle): number => median(found.map((idle) => idle[field]))
  console.log(
    `${mib(of('pss'))} ${mib(of('own'))} ${mib(of('rss'))} ${mib(of('heapUsed'))} ${mib(of('external'))} ${String(of('modules')).padStart(8)} ${of('bootCpu').toFixed(0).padStart(9)}   ${program.name}`,
  )
}
