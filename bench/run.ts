import { availableParallelism, cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { stopAll } from './child-process.ts'
import { loadGenerator } from './load.ts'
import { findProgram, pinned } from './programs.ts'
import { type Comparison, noiseLine, ratioTable, smallTable, streamTable } from './report.ts'
import { startBackend, Station, temporaryFolder } from './station.ts'
import { allSubjects, type Subject } from './subjects.ts'

/** The measured comparison: `node bench/run.ts [--quick] [--only a,b] [--rounds n] [--seconds n]`. */

const COMPARISONS: readonly Comparison[] = [
  { label: 'gateway, JWT + limit + schema / @fastify/http-proxy', row: 'gateway-full', to: 'stock', goal: 0.7 },
  { label: 'gateway, JWT + limit + schema / bare node:http + undici', row: 'gateway-full', to: 'bare', goal: 1.3 },
  { label: 'gateway, JWT + limit + schema / Caddy', row: 'gateway-full', to: 'caddy', goal: 0.6 },
  { label: 'gateway, open route / bare node:http + undici', row: 'gateway-open', to: 'bare', goal: 1.15 },
  { label: 'gateway, open route / @fastify/http-proxy', row: 'gateway-open', to: 'stock' },
  { label: 'gateway, open route / http-proxy-middleware', row: 'gateway-open', to: 'hpm' },
  { label: 'gateway, JWT + limit + schema / open route', row: 'gateway-full', to: 'gateway-open' },
  { label: 'gateway, the same + access log / without', row: 'gateway-log', to: 'gateway-full' },
  { label: 'gateway, 1000 consumers / one consumer', row: 'gateway-many', to: 'gateway-full' },
  { label: 'gateway, pass-through / declared open route', row: 'gateway-pass', to: 'gateway-open' },
  { label: 'gateway, GET of a large document, validated / not', row: 'document-get', to: 'document-get-off', goal: 1.15 },
  { label: 'gateway, POST of the same, validated / not', row: 'document-post', to: 'document-post-off', goal: 1.15 },
  { label: 'gateway, open route / nginx', row: 'gateway-open', to: 'nginx' },
  { label: 'gateway, open route / HAProxy', row: 'gateway-open', to: 'haproxy' },
  { label: 'gateway, open route / Caddy', row: 'gateway-open', to: 'caddy' },
  { label: 'hit: gateway, open route / nginx', row: 'hit-gateway', to: 'hit-nginx', goal: 1.1 },
  { label: 'hit: gateway, JWT + limit / nginx', row: 'hit-gateway-jwt', to: 'hit-nginx', goal: 1.5 },
  { label: 'hit: bare node:http / nginx', row: 'hit-bare', to: 'hit-nginx' },
  { label: 'hit: gateway, open route / bare node:http', row: 'hit-gateway', to: 'hit-bare' },
  { label: 'hit: gateway, open route / Varnish', row: 'hit-gateway', to: 'hit-varnish' },
  { label: 'hit of 32 KiB: gateway / nginx', row: 'medium-gateway', to: 'medium-nginx' },
  { label: 'hit of 32 KiB: gateway / Varnish', row: 'medium-gateway', to: 'medium-varnish' },
  { label: '1 MiB: gateway / bare node:http + pipe', row: 'stream-gateway', to: 'stream-pipe', goal: 1.25 },
  { label: '1 MiB: gateway / @fastify/http-proxy', row: 'stream-gateway', to: 'stream-stock' },
]
/** Of the 99th percentile of the latencies. */
const LATENCIES: readonly Comparison[] = [
  { label: 'gateway, JWT + limit + schema / bare node:http + undici', row: 'paced-gateway', to: 'paced-bare', goal: 1.5 },
]

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})

const wholeNumber = (name: string, text: string | undefined, otherwise: number): number => {
  if (text === undefined) return otherwise
  if (!/^[1-9]\d?$/.test(text)) throw new Error(`--${name} is "${text}", expected a whole number from 1 to 99`)
  return Number(text)
}

function chosen (subjects: readonly Subject[], only: string | undefined): Subject[] {
  if (only === undefined) return subjects.filter(({ optional }) => !optional)
  const names = only.split(',').map((name) => name.trim())
  const unknown = names.filter((name) => !subjects.some((subject) => subject.name === name))
  if (unknown.length > 0) throw new Error(`--only has ${unknown.join(', ')}, expected of: ${subjects.map(({ name }) => name).join(', ')}`)
  return subjects.filter(({ name }) => names.includes(name))
}

interface Plan {
  warmUp: number
  /** How often the warm-up is given at most. */
  turns: number
  rounds: number
  seconds: number
}

/** Measures a group of servers in turn, round by round, so that what the machine does meanwhile meets all of them. */
async function measureGroup (subjects: readonly Subject[], backend: string, folder: string, { warmUp, turns, rounds, seconds }: Plan): Promise<Station[]> {
  if (subjects.length === 0) return []
  const stations: Station[] = []
  for (const subject of subjects) stations.push(await Station.start(subject, backend, folder))
  const saturated: number[] = []
  for (const station of stations) {
    await station.check()
    if (warmUp > 0) saturated.push(await station.warmUp(warmUp, turns))
  }
  // half of what the slower one can do, for both
  for (const station of stations) if (station.subject.group === 'paced') station.rate = Math.round(Math.min(...saturated) / 2)
  for (let round = 0; round < rounds; round++) {
    for (const station of stations) await station.measure(seconds)
    process.stderr.write(`  round ${round + 1} of ${rounds}\n`)
  }
  for (const station of stations) await station.check()
  await Promise.all(stations.map((station) => station.stop()))
  return stations
}

async function main (): Promise<void> {
  const subjects = allSubjects()
  if (values.help) {
    console.log(`npm run bench -- [--quick] [--only NAMES] [--rounds N] [--seconds N]\n\nnames: ${subjects.map(({ name }) => name).join(', ')}`)
    return
  }
  const { quick } = values
  const rounds = wholeNumber('rounds', values.rounds, quick ? 1 : 5)
  const seconds = wholeNumber('seconds', values.seconds, quick ? 1 : 3)
  const wanted = chosen(subjects, values.only)
  const present = wanted.filter(({ launch }) => launch !== null)
  const turns = quick ? 1 : 2
  const folder = temporaryFolder()

  console.log(`Node ${process.version}, ${cpus()[0]?.model.trim()}, load by ${loadGenerator}, backend ${findProgram('nginx') === null ? 'node:http' : 'nginx'}, ${rounds} x ${seconds} s, medians`)
  if (!pinned) console.log(`Nothing is pinned: ${availableParallelism() < 2 ? 'there is one core only' : 'taskset is not installed'}, so load and server share what there is.`)
  for (const program of new Set(wanted.flatMap(({ missing }) => missing ?? []))) console.log(`Left out: ${program} is not installed (apt-get install ${program}).`)
  if (loadGenerator !== 'wrk') console.log('wrk is not installed (apt-get install wrk): autocannon sends less and takes more of its core.')
  if (quick) console.log('Quick: a check that everything answers rightly; figures of one short round are not to be relied on.')

  const backend = await startBackend(folder)
  const small = await measureGroup(present.filter(({ group }) => group === 'small'), backend, folder, { warmUp: quick ? 1 : 8, turns, rounds, seconds })
  const paced = await measureGroup(present.filter(({ group }) => group === 'paced'), backend, folder, { warmUp: quick ? 1 : 8, turns, rounds, seconds })
  const stream = await measureGroup(present.filter(({ group }) => group === 'stream'), backend, folder, { warmUp: quick ? 0 : 1, turns, rounds: quick ? 1 : Math.min(rounds, 3), seconds: Math.min(seconds, 2) })

  const hit = await measureGroup(present.filter(({ group }) => group === 'hit'), backend, folder, { warmUp: quick ? 1 : 8, turns, rounds, seconds })
  const medium = await measureGroup(present.filter(({ group }) => group === 'medium'), backend, folder, { warmUp: 1, turns: 1, rounds, seconds })

  const measured = [...small, ...paced, ...stream, ...hit, ...medium]
  const parts = [small.length > 0 ? smallTable(small) : '', paced.length > 0 ? smallTable(paced, 'the same at half of what the gateway can do') : '', hit.length > 0 ? smallTable(hit, 'from a cache, 173 bytes, 64 connections') : '', medium.length > 0 ? smallTable(medium, 'from a cache, 32 KiB, 32 connections') : '', stream.length > 0 ? streamTable(stream) : '', ratioTable(measured, COMPARISONS), ratioTable(measured, LATENCIES, 'ratio of the p99 at half load', ({ p99 }) => p99), noiseLine(measured)]
  for (const part of parts) if (part !== '') console.log(`\n${part}`)
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
