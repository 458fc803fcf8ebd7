import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { stopAll } from './child-process.ts'
import { decisionOf, measurePairs, pairNotes, pairTable } from './pairs.ts'
import { pinned } from './programs.ts'
import { table } from './report.ts'
import { startBackend, Station, temporaryFolder } from './station.ts'
import { allSubjects, type Subject } from './subjects.ts'

/**
 * Many routes: `node bench/route-scale.ts [--files 500] [--pairs 10] [--seconds 1]`. How long a gateway with 500
 * upstream files of 20 routes takes to start, and what a route among these 10,000 costs compared with one among 10.
 */

const ROUTES_A_FILE = 20
const BOOT_GOAL_SECONDS = 10
const RATIO_GOAL = 1.1

const { values: options } = parseArgs({
  options: {
    files: { type: 'string', default: '500' },
    pairs: { type: 'string', default: '10' },
    seconds: { type: 'string', default: '1' },
  },
})
const number = (text: string): number => Math.max(1, Number.parseInt(text, 10) || 1)

/**
 * An upstream file with as many routes as asked for: half of them read, half of them write; every one has all policies.
 */
function upstreamFile(name: string, routes: number): string {
  const declared = Array.from({ length: routes }, (_, i) => {
    const url = `/resource-${String(i >> 1).padStart(2, '0')}/:id`
    return i % 2 === 0
      ? `    { method: 'GET', url: '${url}', schema: { params, querystring } },`
      : `    { method: 'PUT', url: '${url}', schema: { params, body } },`
  })
  return `import { defineUpstream, Type } from 'gatehouse'

const params = Type.Object({ id: Type.Integer({ minimum: 1 }) })
const querystring = Type.Object({ limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 100 })) }, { additionalProperties: false })
const body = Type.Object({ name: Type.String({ minLength: 1 }), price: Type.Number(), tags: Type.Array(Type.String()) })

export default defineUpstream({
  name: '${name}',
  prefix: '/${name}',
  stripPrefix: true,
  targets: [process.env.BENCH_BACKEND ?? 'http://127.0.0.1:4001'],
  auth: { jwt: { scopes: ['items:read'] } },
  rateLimit: { max: 1_000_000_000, window: '1 minute' },
  routes: [
${declared.join('\n')}
  ],
})
`
}

const fileName = (i: number): string => `service-${String(i).padStart(3, '0')}`

function writeRoutes(folder: string, names: readonly string[], routes: number): string {
  mkdirSync(folder, { recursive: true })
  for (const name of names) writeFileSync(join(folder, `${name}.ts`), upstreamFile(name, routes))
  return folder
}

/** The same request to a gateway that has the routes of a folder. */
function subjectOf(name: string, label: string, routes: string, path: string): Subject {
  const full = allSubjects().find((subject) => subject.name === 'gateway-full')!
  return {
    ...full,
    name,
    label,
    path,
    proofs: [
      { path, headers: {}, status: 401 },
      { path: path.replace(/\d+\?.*/, 'none'), headers: full.headers[0]!, status: 400 },
    ],
    launch: (place) => {
      const launch = full.launch!(place)
      return { ...launch, args: [...launch.args, '--routes', routes] }
    },
  }
}

async function main(): Promise<boolean> {
  const files = number(options.files)
  const folder = temporaryFolder()
  const backend = await startBackend(folder)
  const names = Array.from({ length: files }, (_, i) => fileName(i))
  const asked = names[files >> 1]!
  const path = `/${asked}/resource-02/42?limit=20`
  const many = subjectOf(
    'many',
    `one of ${files * ROUTES_A_FILE} routes`,
    writeRoutes(join(folder, 'many-routes'), names, ROUTES_A_FILE),
    path,
  )
  const few = subjectOf('few', 'one of 10 routes', writeRoutes(join(folder, 'few-routes'), [asked], 10), path)

  const manyStation = await Station.start(many, backend, folder)
  const fewStation = await Station.start(few, backend, folder)
  const stations = [manyStation, fewStation]
  for (const station of stations) await station.check()
  const plan = { pairs: number(options.pairs), seconds: number(options.seconds), warmSeconds: 8, warmRounds: 12 }
  const result = await measurePairs('one of many routes / one of 10', manyStation, fewStation, RATIO_GOAL, plan)
  const startsInTime = manyStation.startSeconds <= BOOT_GOAL_SECONDS

  console.log(
    table([
      ['', 'start', 'CPU of it', 'peak memory'],
      ...stations.map(({ subject, startSeconds, startCpuSeconds, peak }) => [
        subject.label,
        `${startSeconds.toFixed(2)} s`,
        `${startCpuSeconds.toFixed(2)} s`,
        `${Math.round(peak / 2 ** 20)} MiB`,
      ]),
    ]),
  )
  const start = `${manyStation.startSeconds.toFixed(2)} s, goal ${BOOT_GOAL_SECONDS} s, ${startsInTime ? 'met' : 'not met'}`
  console.log(`\nstart, from the command to the first answer: ${start}`)
  console.log(`\n${pairTable([result])}`)
  for (const note of pairNotes([result])) console.log(note)
  if (!pinned) console.log('Nothing is pinned: load and server share the cores.')
  return startsInTime && decisionOf(result) === 'met'
}

let code = 0
try {
  if (!(await main())) code = 1
} catch (error) {
  console.error(`bench: ${(error as Error).message}`)
  code = 1
}
await stopAll()
process.exit(code)
