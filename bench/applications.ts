import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { APPLICATIONS } from './applications/all-applications.ts'
import { type Application, Drive, Workshop } from './applications/application.ts'
import { type Declaration, readDeclarations, withPorts } from './applications/declarations.ts'
import { install } from './applications/installation.ts'
import './applications/loopback-names.ts'
import { freePort, RunningProgram, stopAll } from './child-process.ts'
import { untilAnswers } from './probe.ts'
import { SERVER_CORE } from './programs.ts'
import { temporaryFolder } from './station.ts'

/**
 * Installs applications of others, puts them behind one gateway with the declarations of `docs/applications.md`, and
 * uses each as its own clients would: `npm run proof:applications -- [--only NAMES] [--keep DIR]`. Exits with 1 when
 * one of them fails.
 */

const NAMES = APPLICATIONS.map(({ name }) => name)
/** Bound of the whole run. */
const RUN_MS = 20 * 60_000
/** Bound of one thing that is tried. */
const STEP_MS = 180_000
const GATEWAY = join(import.meta.dirname, '..', 'bin', 'gatehouse.js')

const USAGE = `npm run proof:applications -- [--only NAMES] [--keep DIR]

  --only NAMES  some of: ${NAMES.join(', ')}
  --keep DIR    install there, and use it again in the next run; without it, into a temporary folder`

const { values } = parseArgs({
  options: { only: { type: 'string' }, keep: { type: 'string' }, help: { type: 'boolean', default: false } },
})

function chosen(only: string | undefined): readonly Application[] {
  if (only === undefined) return APPLICATIONS
  const names = only.split(',').map((name) => name.trim())
  const unknown = names.filter((wanted) => !NAMES.includes(wanted))
  if (unknown.length > 0) throw new Error(`--only has ${unknown.join(', ')}, expected of: ${NAMES.join(', ')}`)
  return APPLICATIONS.filter(({ name }) => names.includes(name))
}

/** Starts the gateway as a user would, with nothing but the folder of upstream files. @returns its port */
async function startGateway(folder: string, log: string): Promise<number> {
  const port = await freePort()
  const env = { GATEHOUSE_OPENAPI: join(folder, 'openapi'), GATEHOUSE_LOG_FORMAT: 'json' }
  const args = [GATEWAY, 'start', '--routes', join(folder, 'routes'), '--port', String(port)]
  const program = new RunningProgram({ command: process.execPath, args, env, output: log }, SERVER_CORE)
  const said = (): string => readFileSync(log, 'utf8').slice(-4000)
  await untilAnswers(port, '/livez', () => program.failure && `${program.failure}\n${said()}`)
  return port
}

function print(drives: ReadonlyMap<Declaration, Drive>): boolean {
  const rows = [...drives].map(([{ name, lines }, { steps }]) => {
    const failed = steps.filter(({ problem }) => problem !== null).length
    return [name, String(steps.length), failed === 0 ? 'ok' : `${failed} FAILED`, String(lines)]
  })
  const table = [['application', 'steps', 'result', 'lines of declaration'], ...rows]
  const widths = table[0]!.map((_, i) => Math.max(...table.map((row) => row[i]!.length)))
  console.log('')
  for (const row of table) {
    console.log(
      row
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join('  ')
        .trimEnd(),
    )
  }
  return [...drives.values()].every(({ steps }) => steps.every(({ problem }) => problem === null))
}

async function main(): Promise<boolean> {
  if (values.help) {
    console.log(USAGE)
    return true
  }
  const applications = chosen(values.only)
  const folder = temporaryFolder()
  const installed = values.keep ?? join(folder, 'installed')
  await install(installed, APPLICATIONS)

  const declarations = readDeclarations()
  for (const part of ['routes', 'openapi']) mkdirSync(join(folder, part))
  const started = await Promise.all(
    applications.map(async (application) => {
      const { name } = application
      const declaration = declarations.get(name)
      if (declaration === undefined) throw new Error(`docs/applications.md has no routes/${name}.yaml`)
      mkdirSync(join(folder, name))
      const workshop = new Workshop(installed, join(folder, name))
      writeFileSync(join(folder, 'routes', `${name}.yaml`), withPorts(declaration, await application.start(workshop)))
      return { application, declaration, workshop }
    }),
  )
  const log = join(folder, 'gateway.log')
  const port = await startGateway(folder, log)

  const drives = new Map<Declaration, Drive>()
  for (const { application, declaration, workshop } of started) {
    const drive = new Drive(workshop, `http://${declaration.host}:${port}`, STEP_MS)
    drives.set(declaration, drive)
    await application.drive(drive)
    for (const { what, problem } of drive.steps) {
      const ending = problem === null ? '' : `: ${problem}`
      console.log(`${problem === null ? 'ok  ' : 'FAIL'}  ${application.name}: ${what}${ending}`)
    }
  }
  return print(drives)
}

let right = false
const late = setTimeout(() => {
  console.error(`applications: not done after ${RUN_MS / 60_000} minutes`)
  stopAll().finally(() => process.exit(1))
}, RUN_MS)
try {
  right = await main()
} catch (error) {
  console.error(`applications: ${(error as Error).message}`)
}
clearTimeout(late)
await stopAll()
process.exit(right ? 0 : 1)
