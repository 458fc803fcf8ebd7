import { spawnSync } from 'node:child_process'
import { globSync, mkdirSync, readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { fileURLToPath } from 'node:url'
import { byFolder, linesOf, percentage } from './lcov-summary.ts'

/**
 * Runs tests with Node's own coverage: `npm run coverage -- [TEST FILES]`, all tests without any.
 * Writes coverage/lcov.info and prints a summary. Processes that tests start are counted too, since they inherit
 * NODE_V8_COVERAGE; those that are ended by SIGKILL are not.
 */
const ROOT = fileURLToPath(new URL('..', import.meta.url))
const REPORT = 'coverage/lcov.info'
const COUNTED = ['src/**/*.ts', 'plugins/**/*.ts']

const given = process.argv.slice(2)
mkdirSync(`${ROOT}/coverage`, { recursive: true })
const { status } = spawnSync(
  process.execPath,
  [
    '--test',
    '--test-concurrency=4',
    '--experimental-test-coverage',
    ...COUNTED.map((pattern) => `--test-coverage-include=${pattern}`),
    '--test-reporter=dot',
    '--test-reporter-destination=stdout',
    '--test-reporter=lcov',
    `--test-reporter-destination=${REPORT}`,
    ...(given.length > 0 ? given : ['test/**/*.test.ts']),
  ],
  // V8 counts less exactly in functions that come from a compile cache
  { cwd: ROOT, stdio: 'inherit', env: { ...process.env, NODE_DISABLE_COMPILE_CACHE: '1' } },
)

const counts = linesOf(readFileSync(`${ROOT}/${REPORT}`, 'utf8'))
const unloaded = globSync(COUNTED, { cwd: ROOT })
  .filter((file) => !counts.has(file) && hasCode(file))
  .sort()
// a file that no test loads is missing in the report: all its lines count as not run
for (const file of unloaded) counts.set(file, { lines: sourceOf(file).trimEnd().split('\n').length, hit: 0 })

console.log()
for (const [folder, count] of byFolder(counts)) {
  console.log(`${folder.padEnd(24)}${percentage(count).padStart(8)}  of ${count.lines} lines`)
}
if (unloaded.length > 0) console.log(`\nNot loaded by any of these tests:\n  ${unloaded.join('\n  ')}`)
console.log(`\nLine by line: ${REPORT}`)
process.exitCode = status ?? 1

function sourceOf(file: string): string {
  return readFileSync(`${ROOT}/${file}`, 'utf8')
}

/** Whether anything is left of a file without its types and comments. */
function hasCode(file: string): boolean {
  return (
    stripTypeScriptTypes(sourceOf(file))
      .replace(/\/\*[^]*?\*\/|\/\/.*/g, '')
      .trim() !== ''
  )
}
