import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { stopAll } from './child-process.ts'
import { callers, type CpuProfile, functionTimes, type FunctionTime, ownerTimes } from './cpu-profile.ts'
import { cost, table } from './report.ts'
import { startBackend, Station, temporaryFolder } from './station.ts'
import { allSubjects } from './subjects.ts'

/**
 * Where the time of a server goes: `node bench/profile.ts gateway-full [--seconds 5] [--top 35] [--callers
 * nextTick,hash]`. The server runs under `--cpu-prof` with load; only what it did under load counts, not its start.
 */

/** Microseconds between samples. */
const INTERVAL = 250

const {
  values,
  positionals: [name],
} = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '5' },
    top: { type: 'string', default: '35' },
    callers: { type: 'string' },
  },
})

const monotonicMicroseconds = (): number => Number(process.hrtime.bigint() / 1000n)

function times(
  title: string,
  rows: readonly FunctionTime[],
  value: (row: FunctionTime) => number,
  all: number,
  perRequest: number,
): string {
  return table([
    [title, 'percent', 'us/request', ''],
    ...rows.map((row) => [
      row.name,
      ((value(row) / all) * 100).toFixed(1),
      ((value(row) / all) * perRequest).toFixed(2),
      row.owner,
    ]),
  ])
}

async function main(): Promise<void> {
  const folder = temporaryFolder()
  const subjects = allSubjects(['--cpu-prof', `--cpu-prof-dir=${folder}`, `--cpu-prof-interval=${INTERVAL}`]).filter(
    ({ launch }) => launch?.({ port: 0, backend: '', folder }).command === process.execPath,
  )
  const subject = subjects.find((candidate) => candidate.name === name)
  if (subject === undefined) {
    throw new Error(`which server? One of: ${subjects.map((candidate) => candidate.name).join(', ')}`)
  }
  const seconds = Math.max(1, Number.parseInt(values.seconds, 10) || 5)
  const top = Math.max(1, Number.parseInt(values.top, 10) || 35)

  const station = await Station.start(subject, await startBackend(folder), folder)
  await station.check()
  await station.warmUp(3)
  const from = monotonicMicroseconds()
  await station.measure(seconds)
  const until = monotonicMicroseconds()
  await station.stop()

  const file = readdirSync(folder).find((entry) => entry.endsWith('.cpuprofile'))
  if (file === undefined) throw new Error('the server wrote no profile')
  const profile = JSON.parse(readFileSync(join(folder, file), 'utf8')) as CpuProfile
  const measured = functionTimes(profile, from, until)
  const all = measured.reduce((sum, { self }) => sum + self, 0)
  const perRequest = cost(station.rounds[0]!)

  console.log(
    `${subject.label}: ${perRequest.toFixed(1)} us of CPU per request (the profiler's own cost is in it), ${station.rounds[0]!.requests} requests\n`,
  )
  console.log(
    table([
      ['whose code', 'percent', 'us/request'],
      ...ownerTimes(measured).map(({ owner, self }) => [
        owner,
        ((self / all) * 100).toFixed(1),
        ((self / all) * perRequest).toFixed(2),
      ]),
    ]),
  )
  const bySelf = measured.toSorted((a, b) => b.self - a.self).slice(0, top)
  console.log(`\n${times('the function itself', bySelf, ({ self }) => self, all, perRequest)}`)
  const own = measured
    .filter(({ owner }) => owner === 'gatehouse')
    .sort((a, b) => b.total - a.total)
    .slice(0, top)
  if (own.length > 0) {
    console.log(`\n${times('with what it calls, this project only', own, ({ total }) => total, all, perRequest)}`)
  }
  for (const called of values.callers?.split(',') ?? []) {
    const chains = callers(profile, from, until, called, 4).slice(0, 8)
    console.log(
      `\n${table([[`callers of ${called}`, 'percent'], ...chains.map(({ chain, time }) => [chain, ((time / all) * 100).toFixed(1)])])}`,
    )
  }
}

let code = 0
try {
  await main()
} catch (error) {
  console.error(`profile: ${(error as Error).message}`)
  code = 1
}
await stopAll()
process.exit(code)
