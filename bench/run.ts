import { existsSync } from 'node:fs'
import { availableParallelism, cpus } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { stopAll } from './child-process.ts'
import { AGAINST, AGAINST_GOAL, chosen, COMPARISONS, type Contest, contests, contestsAgainst } from './comparisons.ts'
import { loadGenerator } from './load.ts'
import { decisionOf, measurePairs, pairNotes, type PairPlan, type PairResult, pairTable } from './pairs.ts'
import { findProgram, pinned } from './programs.ts'
import { noiseLine, ratioTable, smallTable, streamTable } from './report.ts'
import { startBackend, Station, temporaryFolder } from './station.ts'
import { allSubjects, type Subject } from './subjects.ts'

/** The measured comparison. Exits with 1 when a goal is not met, or not decided; `--quick` judges none. */
const USAGE = `npm run bench -- [--quick] [--only NAMES] [--rounds N] [--pairs N] [--seconds N]
npm run bench -- --against TREE [--only NAMES] [--pairs N] [--seconds N] [--goal RATIO]

  --quick         one short round of everything: does every server answer rightly?
  --only NAMES    these subjects, and the comparisons of any two of them
  --rounds N      rounds of the tables; 5, and 0 leaves the tables out
  --pairs N       pairs of rounds of each comparison; 10, of which goals need as many, and 0 leaves the pairs out
  --seconds N     length of a round; 3 in tables, 1 in pairs
  --against TREE  this tree and another (a git worktree with its own node_modules) in pairs: what did a change cost?
                  Without --only: ${AGAINST.join(', ')}
  --goal RATIO    highest ratio to the other tree that is good; ${AGAINST_GOAL}`

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    rounds: { type: 'string' },
    pairs: { type: 'string' },
    seconds: { type: 'string' },
    against: { type: 'string' },
    goal: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})

const wholeNumber = (name: string, text: string | undefined, otherwise: number, least = 1): number => {
  if (text === undefined) return otherwise
  if (/^\d{1,2}$/.test(text) && Number(text) >= least) return Number(text)
  throw new Error(`--${name} is "${text}", expected a whole number from ${least} to 99`)
}

/** What every measurement stands on. */
interface Ground {
  backend: string
  folder: string
}

interface TableOptions {
  rounds: number
  seconds: number
  quick: boolean
}

interface Plan {
  warmUp: number
  /** How often the warm-up is given at most. */
  turns: number
  rounds: number
  seconds: number
}

/** Both get half of what the slower one can do. */
function pace(stations: readonly Station[], saturated: readonly number[]): void {
  const rate = Math.round(Math.min(...saturated) / 2)
  for (const station of stations) if (station.subject.group === 'paced') station.rate = rate
}

/** Measures a group of servers in turn, round by round, so that what the machine does meanwhile meets all of them. */
async function measureGroup(subjects: readonly Subject[], ground: Ground, plan: Plan): Promise<Station[]> {
  const { warmUp, turns, rounds, seconds } = plan
  if (subjects.length === 0 || rounds === 0) return []
  const stations: Station[] = []
  for (const subject of subjects) stations.push(await Station.start(subject, ground.backend, ground.folder))
  const saturated: number[] = []
  for (const station of stations) {
    await station.check()
    if (warmUp > 0) saturated.push(await station.warmUp(warmUp, turns))
  }
  pace(stations, saturated)
  for (let round = 0; round < rounds; round++) {
    for (const station of stations) await station.measure(seconds)
    process.stderr.write(`  round ${round + 1} of ${rounds}\n`)
  }
  for (const station of stations) await station.check()
  await Promise.all(stations.map((station) => station.stop()))
  return stations
}

/** Measures two subjects in pairs of rounds, both running at once. */
async function compare(contest: Contest, { backend, folder }: Ground, plan: PairPlan): Promise<PairResult> {
  const { label, a, b, goal, of } = contest
  const [first, second] = [await Station.start(a, backend, folder), await Station.start(b, backend, folder)]
  const stations = [first, second]
  for (const station of stations) await station.check()
  if (a.group === 'paced') {
    pace(stations, [await first.warmUp(plan.warmSeconds), await second.warmUp(plan.warmSeconds)])
  }
  const compared: PairPlan = of === 'p99' ? { ...plan, value: ({ p99 }) => p99 } : plan
  const result = await measurePairs(label, first, second, goal, compared)
  for (const station of stations) await station.check()
  await Promise.all(stations.map((station) => station.stop()))
  process.stderr.write(`  ${label}\n`)
  return result
}

/** @throws Error when the folder is no tree of this project that can be started */
function otherTree(path: string): string {
  const tree = resolve(path)
  const needs = {
    'bin/gatehouse.js': 'a git worktree of this project',
    'bench/gateway.config.ts': 'a git worktree with the bench',
    node_modules: 'a worktree in which "npm ci" has run',
  }
  for (const [needed, hint] of Object.entries(needs)) {
    if (existsSync(join(tree, needed))) continue
    throw new Error(`--against is ${path}, which has no ${needed}, expected ${hint}`)
  }
  return tree
}

/** Prints tables of all subjects. */
async function measureTables(present: readonly Subject[], ground: Ground, options: TableOptions): Promise<void> {
  const { rounds, seconds, quick } = options
  const plan: Plan = { warmUp: quick ? 1 : 8, turns: quick ? 1 : 2, rounds, seconds }
  const measure = (wanted: Subject['group'], own: Partial<Plan> = {}): Promise<Station[]> =>
    measureGroup(
      present.filter(({ group }) => group === wanted),
      ground,
      { ...plan, ...own },
    )
  const small = await measure('small')
  const paced = await measure('paced')
  const fewer = { rounds: Math.min(rounds, quick ? 1 : 3), seconds: Math.min(seconds, 2) }
  const stream = await measure('stream', { warmUp: quick ? 0 : 1, ...fewer })
  const hit = await measure('hit')
  const medium = await measure('medium', { warmUp: 1, turns: 1 })

  const measured = [...small, ...paced, ...stream, ...hit, ...medium]
  if (measured.length === 0) return
  const titled: Array<[readonly Station[], string | undefined]> = [
    [small, undefined],
    [paced, 'the same at half of what the gateway can do'],
    [hit, 'from a cache, 173 bytes, 64 connections'],
    [medium, 'from a cache, 32 KiB, 32 connections'],
  ]
  const parts = titled.filter(([stations]) => stations.length > 0).map((part) => smallTable(...part))
  if (stream.length > 0) parts.push(streamTable(stream))
  parts.push(ratioTable(measured, COMPARISONS), noiseLine(measured))
  for (const part of parts) if (part !== '') console.log(`\n${part}`)
}

/** Compares in pairs, and prints the table. @returns whether every goal is met */
async function measureContests(wanted: readonly Contest[], ground: Ground, plan: PairPlan): Promise<boolean> {
  if (wanted.length === 0 || plan.pairs === 0) return true
  const results: PairResult[] = []
  for (const contest of wanted) results.push(await compare(contest, ground, plan))
  console.log(`\n${pairTable(results)}`)
  for (const note of pairNotes(results)) console.log(note)
  return results.every((result) => [undefined, 'met'].includes(decisionOf(result)))
}

/** What this machine lacks. */
function remarks(wanted: readonly Subject[]): string[] {
  const lines: string[] = []
  if (!pinned) {
    const reason = availableParallelism() < 2 ? 'there is one core only' : 'taskset is not installed'
    lines.push(`Nothing is pinned: ${reason}, so load and server share what there is.`)
  }
  for (const program of new Set(wanted.flatMap(({ missing }) => missing ?? []))) {
    lines.push(`Left out: ${program} is not installed (apt-get install ${program}).`)
  }
  if (loadGenerator !== 'wrk') {
    lines.push('wrk is not installed (apt-get install wrk): autocannon sends less and takes more of its core.')
  }
  return lines
}

async function main(): Promise<boolean> {
  const subjects = allSubjects()
  if (values.help) {
    console.log(`${USAGE}\n\nnames: ${subjects.map(({ name }) => name).join(', ')}`)
    return true
  }
  const { quick, only, against } = values
  const tree = against === undefined ? undefined : otherTree(against)
  const rounds = tree === undefined ? wholeNumber('rounds', values.rounds, quick ? 1 : 5, 0) : 0
  const pairs = wholeNumber('pairs', values.pairs, quick ? 2 : 10, 0)
  const seconds = wholeNumber('seconds', values.seconds, quick ? 1 : 3)
  const warm = quick ? { warmSeconds: 1, warmRounds: 2 } : { warmSeconds: 8, warmRounds: 12 }
  const plan: PairPlan = { pairs, seconds: wholeNumber('seconds', values.seconds, 1), ...warm }
  const goal = values.goal === undefined ? AGAINST_GOAL : Number(values.goal)
  if (!(goal > 0)) throw new Error(`--goal is "${values.goal}", expected a ratio such as 1.02`)
  const wanted = tree === undefined ? chosen(subjects, only) : []
  const present = wanted.filter(({ launch }) => launch !== null)
  const paired =
    tree === undefined
      ? contests(present, only !== undefined)
      : contestsAgainst(subjects, allSubjects([], tree), only, goal)
  const folder = temporaryFolder()

  const load = `load by ${loadGenerator}, backend ${findProgram('nginx') === null ? 'node:http' : 'nginx'}`
  const tables = rounds > 0 ? `, ${rounds} x ${seconds} s, medians` : ''
  console.log(`Node ${process.version}, ${cpus()[0]?.model.trim()}, ${load}${tables}`)
  for (const line of remarks(wanted)) console.log(line)
  if (quick) console.log('Quick: a check that everything answers rightly; its figures are not to be relied on.')

  const ground = { backend: await startBackend(folder), folder }
  await measureTables(present, ground, { rounds, seconds, quick })
  const short = paired.slice(0, 1).map((contest) => ({ ...contest, goal: undefined }))
  return measureContests(quick ? short : paired, ground, plan)
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
