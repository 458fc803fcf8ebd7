import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
/** Files that one GET may pass. Lower it when there are fewer: the goal is 40. */
const MOST_FILES = 78
const page = readFileSync(join(ROOT, 'docs/architecture.md'), 'utf8')

test('every file and folder that the page names exists', () => {
  const named = [...page.matchAll(/`((?:src|plugins|test|bench|docs|scripts)\/[\w/.-]*)`/g)].map(([, path]) => path!)
  assert.ok(named.length > 50)
  for (const path of named) assert.ok(existsSync(join(ROOT, path)), path)
})

test('the page has a row for every folder of src, and for every file beside the folders', () => {
  const [, section = ''] = page.split('\n## Folders of `src/`\n')
  const rows = [...section.split('\n## ', 1)[0]!.matchAll(/^\| \d+ \| (`.*?`) \|/gm)].map(([, cell]) => cell!)
  const entries = rows.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name!))
  const folders = globSync('src/*/**/', { cwd: ROOT }).map((path) => `${path.slice('src/'.length)}/`)
  for (const entry of entries) assert.ok(existsSync(join(ROOT, 'src', entry)), entry)
  for (const folder of new Set(folders.map((path) => path.split('/', 1)[0]))) {
    assert.ok(entries.includes(`${folder}/`), `src/${folder}/`)
  }
  for (const file of globSync('src/*.ts', { cwd: ROOT })) assert.ok(entries.includes(file.slice(4)), file)
})

test('the page lists exactly the files that a warm GET passes', { timeout: 150_000 }, async () => {
  const numbers = [...page.matchAll(/^(\d+)\. `(?:src|plugins)\//gm)].map(([, number]) => Number(number))
  assert.deepEqual(
    numbers,
    numbers.map((_, index) => index + 1),
  )
  assert.match(page, new RegExp(`\\b${numbers.length} files\\b`))
  const { code, output } = await new Promise<{ code: number; output: string }>((resolve) => {
    const words = ['bench/proof-way.ts', '--check', '--goal', String(MOST_FILES)]
    execFile(process.execPath, words, { cwd: ROOT }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), output: stdout + stderr }),
    )
  })
  assert.equal(code, 0, output)
})
