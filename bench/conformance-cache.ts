import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { setTimeout as wait } from 'node:timers/promises'
import { parseArgs, promisify } from 'node:util'
import { Redis } from 'ioredis'
import { CHANNEL } from '../src/cache/purge-channel.ts'
import { freePort } from './child-process.ts'
import { type Edition, knownDifferences, unlisted, type Verdict } from './known-differences.ts'
import { folder, GATEWAY, program, startRedis, stop } from './proof.ts'

/**
 * Runs the public suite for HTTP caches (https://cache-tests.fyi) against a gateway with a cache:
 * `node bench/conformance-cache.ts [--store memory|redis|tiered|all] [--suite FOLDER] [--id ID]`. Without `--suite` the
 * package `http-cache-tests` is installed, in a folder of its own. Ends with 0 when no required or optimal case differs
 * but those that docs/cache-conformance.md lists.
 */

/** `redis` has no room in memory, so that each response comes from Redis; `tiered` is memory in front of Redis. */
const STORES = { memory: {}, redis: { memory: '1KiB', redis: true }, tiered: { redis: true } }
type Store = keyof typeof STORES

const {
  values: { suite: given, id, store },
} = parseArgs({
  options: {
    suite: { type: 'string' },
    id: { type: 'string', default: '' },
    store: { type: 'string', default: 'memory' },
  },
})
if (store !== 'all' && !(store in STORES)) {
  console.error(`--store: found ${store}, allowed: ${Object.keys(STORES).join(', ')} or all`)
  process.exit(2)
}
const run = promisify(execFile)

interface Case {
  id: string
  name: string
  kind?: 'required' | 'optimal' | 'check'
  depends_on?: string[]
  browser_only?: boolean
}
type Results = Record<string, true | [name: string, message: string]>

/** @returns the folder of the suite */
async function install(): Promise<string> {
  if (given !== undefined) return resolve(given)
  const own = fileURLToPath(new URL('../node_modules/.cache/cache-conformance', import.meta.url))
  const found = join(own, 'node_modules/http-cache-tests')
  if (!existsSync(found)) {
    console.error('installing http-cache-tests')
    mkdirSync(own, { recursive: true })
    writeFileSync(join(own, 'package.json'), '{ "private": true }')
    await run('npm', ['install', '--no-audit', '--no-fund', 'http-cache-tests'], {
      cwd: own,
      shell: process.platform === 'win32',
    })
  }
  return found
}

const suite = await install()
// the editions differ in where their programs are
const edition: Edition = existsSync(join(suite, 'test-engine')) ? 'repository' : 'npm'
const engine = edition === 'repository' ? join(suite, 'test-engine') : suite
const suites = ((await import(pathToFileURL(join(suite, 'tests/index.mjs')).href)) as { default: { tests: Case[] }[] })
  .default
const cases = new Map(
  suites
    .flatMap(({ tests }) => tests)
    .filter((test) => !test.browser_only)
    .map((test) => [test.id, test]),
)
const known = knownDifferences(readFileSync(new URL('../docs/cache-conformance.md', import.meta.url), 'utf8'), edition)

const origin = await freePort()
const settings = {
  npm_config_protocol: 'http',
  npm_config_port: String(origin),
  npm_config_pidfile: join(folder, 'origin.pid'),
}
await program(process.execPath, ['--no-warnings', join(engine, 'server/server.mjs')], /Listening on/, settings)

mkdirSync(join(folder, 'routes'))
writeFileSync(
  join(folder, 'routes/suite.json'),
  JSON.stringify({
    name: 'suite',
    auth: 'none',
    targets: [`http://localhost:${origin}`],
    passThrough: true,
    // a 503 is a case of the suite, not a failure to be hidden; that cookies are shared and stale responses stand in
    // has to be stated
    retries: false,
    cache: { cookies: 'share', grace: '1 minute' },
  }),
)

/** Runs the suite against a gateway that keeps responses there. */
async function resultsOf(store: Store): Promise<string> {
  const redisPort = await freePort()
  const redis = store === 'memory' ? null : await startRedis(redisPort)
  const config = join(folder, `${store}.config.json`)
  writeFileSync(
    config,
    JSON.stringify({
      routes: './routes',
      docs: false,
      log: { access: false },
      cache: STORES[store],
      ...(redis === null ? {} : { redis: `redis://127.0.0.1:${redisPort}` }),
    }),
  )
  const port = await freePort()
  const gateway = await program(
    process.execPath,
    [GATEWAY, 'start', '--config', config, '--port', String(port)],
    /ready on/,
  )
  if (redis !== null) await listening(redisPort)
  // the cases come in bursts, which should not meet code that has never run
  for (let i = 0; i < 200; i++) await (await fetch(`http://localhost:${port}/warm-up/${i}`)).text()
  const { stdout } = await run(process.execPath, ['--no-warnings', join(engine, 'cli.mjs')], {
    cwd: suite,
    maxBuffer: 2 ** 26,
    env: { ...process.env, npm_config_base: `http://localhost:${port}`, npm_config_id: id, npm_package_config_id: id },
  })
  await stop(gateway, 'SIGTERM')
  if (redis !== null) await stop(redis, 'SIGKILL')
  return stdout
}

/** Waits until the gateway hears of purges: before that it puts nothing into Redis. */
async function listening(port: number): Promise<void> {
  const redis = new Redis(port)
  while (Number((await redis.pubsub('NUMSUB', CHANNEL))[1]) === 0) await wait(20)
  await wait(500)
  redis.disconnect()
}

/** A case whose preparation failed, or that builds on one that did not pass, says nothing by itself. */
function verdictsOf(results: Results): Map<string, Verdict> {
  const verdicts = new Map<string, Verdict>()
  const verdictOf = (test: Case): Verdict => {
    const before = verdicts.get(test.id)
    if (before !== undefined) return before
    const result = results[test.id]
    const builds = (test.depends_on ?? []).every((name) => !cases.has(name) || verdictOf(cases.get(name)!) === 'passed')
    const verdict =
      result === undefined || !builds || (result !== true && ['Setup', 'AbortError'].includes(result[0]))
        ? 'not reached'
        : result === true
          ? 'passed'
          : 'failed'
    verdicts.set(test.id, verdict)
    return verdict
  }
  for (const test of cases.values()) verdictOf(test)
  return verdicts
}

const kinds = [
  ['required', 'required'],
  ['optimal', 'optimal'],
  ['check', 'behaviour'],
] as const
const kindOf = (test: Case) => test.kind ?? 'required'

/** Prints what a run has shown. @returns whether only the listed cases differ */
function report(store: Store, results: Results): boolean {
  const verdicts = verdictsOf(results)
  const counts: string[] = []
  for (const [kind, label] of kinds) {
    const own = [...cases.values()].filter((test) => kindOf(test) === kind)
    const of = (verdict: Verdict) => own.filter(({ id }) => verdicts.get(id) === verdict)
    for (const verdict of ['failed', 'not reached'] as const) {
      for (const { id } of of(verdict)) {
        const result = results[id]
        const message = Array.isArray(result)
          ? `${result[0]}: ${result[1]}`
          : result === true
            ? 'builds on one that has not passed'
            : ''
        console.log(`${label} ${verdict}${known.has(id) ? ', listed' : ''}: ${id}  ${message}`)
      }
    }
    counts.push(
      `${label}: ${of('passed').length} of ${own.length} passed, ${of('failed').length} failed, ${of('not reached').length} not reached`,
    )
  }
  console.log(`\n${store}: ${cases.size} cases of ${suite}\n${counts.join('\n')}`)
  const judged = new Map([...verdicts].filter(([id]) => kindOf(cases.get(id)!) !== 'check'))
  const lines = unlisted(known, judged)
  for (const line of lines) console.log(`FAIL ${store}: ${line}`)
  console.log(lines.length === 0 ? `ok   ${store}: only the listed cases differ\n` : '')
  return lines.length === 0
}

let isRight = true
for (const each of store === 'all' ? (Object.keys(STORES) as Store[]) : [store as Store]) {
  const stdout = await resultsOf(each)
  if (id !== '') console.log(stdout)
  else isRight = report(each, JSON.parse(stdout.slice(stdout.indexOf('{\n'))) as Results) && isRight
}
process.exit(isRight ? 0 : 1)
