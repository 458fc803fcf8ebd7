import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { freePort } from './child-process.ts'
import { folder, GATEWAY, program } from './proof.ts'

/**
 * Runs the public suite for HTTP caches (https://cache-tests.fyi) against a gateway with a cache:
 * `node bench/conformance-cache.ts [--suite FOLDER] [--id ID]`. Without `--suite` the package `http-cache-tests` is installed, in a
 * folder of its own. Ends with 1 when a required case fails.
 */

const { values: { suite: given, id } } = parseArgs({ options: { suite: { type: 'string' }, id: { type: 'string', default: '' } } })
const run = promisify(execFile)

interface Case { id: string, name: string, kind?: 'required' | 'optimal' | 'check', depends_on?: string[], browser_only?: boolean }
type Results = Record<string, true | [name: string, message: string]>

/** @returns the folder of the suite */
async function install (): Promise<string> {
  if (given !== undefined) return resolve(given)
  const own = fileURLToPath(new URL('../node_modules/.cache/cache-conformance', import.meta.url))
  const found = join(own, 'node_modules/http-cache-tests')
  if (!existsSync(found)) {
    console.error('installing http-cache-tests')
    mkdirSync(own, { recursive: true })
    writeFileSync(join(own, 'package.json'), '{ "private": true }')
    await run('npm', ['install', '--no-audit', '--no-fund', 'http-cache-tests'], { cwd: own, shell: process.platform === 'win32' })
  }
  return found
}

const suite = await install()
// the editions differ in where their programs are
const engine = existsSync(join(suite, 'test-engine')) ? join(suite, 'test-engine') : suite
const suites = (await import(pathToFileURL(join(suite, 'tests/index.mjs')).href) as { default: { tests: Case[] }[] }).default
const cases = new Map(suites.flatMap(({ tests }) => tests).filter((test) => !test.browser_only).map((test) => [test.id, test]))

const origin = await freePort()
const settings = { npm_config_protocol: 'http', npm_config_port: String(origin), npm_config_pidfile: join(folder, 'origin.pid') }
await program(process.execPath, ['--no-warnings', join(engine, 'server/server.mjs')], /Listening on/, settings)

mkdirSync(join(folder, 'routes'))
writeFileSync(join(folder, 'routes/suite.json'), JSON.stringify({
  name: 'suite',
  auth: 'none',
  targets: [`http://localhost:${origin}`],
  passThrough: true,
  // a 503 is a case of the suite, not a failure to be hidden; that cookies are shared and stale responses stand in has to be stated
  retries: false,
  cache: { cookies: 'share', grace: '1 minute' },
}))
writeFileSync(join(folder, 'gatehouse.config.json'), JSON.stringify({ routes: './routes', docs: false, log: { access: false } }))
const port = await freePort()
await program(process.execPath, [GATEWAY, 'start', '--config', join(folder, 'gatehouse.config.json'), '--port', String(port)], /ready on/)

const { stdout } = await run(process.execPath, ['--no-warnings', join(engine, 'cli.mjs')], {
  cwd: suite, maxBuffer: 2 ** 26, env: { ...process.env, npm_config_base: `http://localhost:${port}`, npm_config_id: id, npm_package_config_id: id },
})
if (id !== '') {
  console.log(stdout)
  process.exit(0)
}
const results = JSON.parse(stdout.slice(stdout.indexOf('{\n'))) as Results

type Verdict = 'passed' | 'failed' | 'not reached'
const verdicts = new Map<string, Verdict>()
/** A case whose preparation failed, or that builds on one that did not pass, says nothing by itself. */
function verdictOf (test: Case): Verdict {
  const known = verdicts.get(test.id)
  if (known !== undefined) return known
  const result = results[test.id]
  const builds = (test.depends_on ?? []).every((name) => !cases.has(name) || verdictOf(cases.get(name)!) === 'passed')
  const verdict = result === undefined || !builds || (result !== true && ['Setup', 'AbortError'].includes(result[0])) ? 'not reached' : result === true ? 'passed' : 'failed'
  verdicts.set(test.id, verdict)
  return verdict
}

const kinds = [['required', 'required'], ['optimal', 'optimal'], ['check', 'behaviour']] as const
const counts: string[] = []
let requiredFailed = 0
for (const [kind, label] of kinds) {
  const own = [...cases.values()].filter((test) => (test.kind ?? 'required') === kind)
  const of = (verdict: Verdict) => own.filter((test) => verdictOf(test) === verdict)
  for (const verdict of ['failed', 'not reached'] as const) {
    for (const test of of(verdict)) {
      const result = results[test.id]
      console.log(`${label} ${verdict}: ${test.id}  ${Array.isArray(result) ? `${result[0]}: ${result[1]}` : result === true ? 'builds on one that has not passed' : ''}`)
    }
  }
  counts.push(`${label}: ${of('passed').length} of ${own.length} passed, ${of('failed').length} failed, ${of('not reached').length} not reached`)
  if (kind === 'required') requiredFailed = of('failed').length
}
console.log(`\n${cases.size} cases of ${suite}\n${counts.join('\n')}`)
process.exit(requiredFailed > 0 ? 1 : 0)
