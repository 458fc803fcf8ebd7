import { fork } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { Measured } from './way-gateway.ts'

const GOAL = 40
/**
 * Lists the files of `src` and `plugins` that one warm GET passes: `npm run proof:way`. The route has a token, a limit, a
 * schema and a cache, and the GET is a miss. V8's precise coverage tells the files, and a second run their order.
 */
const USAGE = `npm run proof:way -- [--functions] [--check] [--goal N]

  --functions  also name the functions that ran
  --check      exit with 1 when there are more files than the goal, or others than docs/architecture.md lists
  --goal N     most files that are good; ${GOAL}`

const PAGE = 'docs/architecture.md'
const SECTION = 'The way of a request'
/** Far more than a busy machine needs. */
const BOUND_MS = 120_000

const { values } = parseArgs({
  options: {
    functions: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
    goal: { type: 'string', default: String(GOAL) },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) console.log(USAGE)
else await prove()

async function prove(): Promise<void> {
  const { functions } = await measure('coverage')
  // a check does not depend on the order
  const { order } = values.check ? { order: listedFiles() } : await measure('order')
  const place = (file: string): number => (order!.includes(file) ? order!.indexOf(file) : order!.length)
  const files = Object.keys(functions!).sort((a, b) => place(a) - place(b))
  for (const [index, file] of files.entries()) {
    const names = values.functions ? `  ${functions![file]!.join(', ')}` : ''
    console.log(`${String(index + 1).padStart(3)}  ${file}${names}`)
  }
  console.log(`\n${files.length} files, of which a function ran in a warm GET with token, limit, schema and cache miss`)
  if (!values.check) return

  const listed = listedFiles()
  const missing = files.filter((file) => !listed.includes(file))
  const superfluous = listed.filter((file) => !files.includes(file))
  if (missing.length > 0) console.log(`${PAGE} does not list: ${missing.join(', ')}`)
  if (superfluous.length > 0) console.log(`${PAGE} lists, but not run: ${superfluous.join(', ')}`)
  const tooMany = files.length > Number(values.goal)
  if (tooMany) console.log(`more than ${values.goal} files`)
  if (missing.length > 0 || superfluous.length > 0 || tooMany) process.exitCode = 1
}

/** Runs a gateway in a process of its own. */
function measure(mode: 'coverage' | 'order'): Promise<Measured> {
  const probe = fileURLToPath(new URL('way-gateway.ts', import.meta.url))
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('GATEHOUSE_')))
  const child = fork(probe, [mode], {
    // V8 counts less exactly in functions that come from a compile cache
    env: { ...env, NODE_DISABLE_COMPILE_CACHE: '1', NODE_OPTIONS: '', NODE_V8_COVERAGE: '' },
    execArgv: ['--disable-warning=ExperimentalWarning'],
    // the access log
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    timeout: BOUND_MS,
  })
  return new Promise((resolve, reject) => {
    child.on('message', (measured: Measured) => resolve(measured))
    child.on('error', reject)
    child.on('exit', (code, signal) => reject(new Error(`the gateway ended without a result (${signal ?? code})`)))
  })
}

/** The files of the numbered list on the page. */
function listedFiles(): string[] {
  const page = readFileSync(new URL(`../${PAGE}`, import.meta.url), 'utf8')
  const [, section = ''] = page.split(`\n## ${SECTION}\n`)
  const found = section.split('\n## ', 1)[0]!.matchAll(/^\d+\. `([\w/.-]+)`/gm)
  return [...new Set([...found].map(([, file]) => file!))]
}
