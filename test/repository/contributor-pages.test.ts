import assert from 'node:assert/strict'
import { accessSync, constants, existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8')
const PAGES = ['CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md', '.github/PULL_REQUEST_TEMPLATE.md']

test('links of the pages for contributors lead to files that exist', () => {
  for (const page of PAGES) {
    for (const [, target] of read(page).matchAll(/\]\(([^)#]+)[^)]*\)/g)) {
      if (!target!.startsWith('https://')) assert.ok(existsSync(join(ROOT, target!)), `${page}: ${target}`)
    }
  }
})

test('the npm scripts and files that the pages for contributors name exist', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
  for (const page of PAGES) {
    for (const [, name] of read(page).matchAll(/npm run ([\w:-]+)/g)) assert.ok(scripts[name!], `${page}: ${name}`)
  }
  const named = [...read('CONTRIBUTING.md').matchAll(/(?:test|docs|src)\/[\w*/.-]+\.(?:ts|md)/g)].map(([path]) => path)
  assert.ok(named.length >= 8)
  for (const path of named) assert.ok(globSync(path, { cwd: ROOT }).length > 0, path)
})

test('each promise of SECURITY.md names tests that exist', () => {
  const rows = read('SECURITY.md').matchAll(/^\| \*\*.*\| ([^|]+) \|$/gm)
  const tests = [...rows].map(([, cell]) => [...cell!.matchAll(/`([\w-]+)`/g)].map(([, name]) => name!))
  assert.ok(tests.length >= 10)
  for (const names of tests) {
    assert.ok(names.length > 0)
    for (const name of names) assert.ok(existsSync(join(ROOT, `test/security/${name}.test.ts`)), name)
  }
})

test('the changelog has the sections of Keep a Changelog in their order, each once in a version', () => {
  const order = ['Added', 'Changed', 'Deprecated', 'Removed', 'Fixed', 'Security']
  const [, ...versions] = read('CHANGELOG.md').split(/^## /m)
  assert.ok(versions.length > 0)
  for (const version of versions) {
    assert.match(version, /^\[(?:Unreleased|\d+\.\d+\.\d+\] - \d{4}-\d{2}-\d{2})/)
    const sections = [...version.matchAll(/^### (.+)$/gm)].map(([, name]) => name!)
    assert.deepEqual(
      sections,
      order.filter((name) => sections.includes(name)),
    )
  }
})

test('the workflow runs what contributors run, with the least permissions and pinned actions', () => {
  const text = read('.github/workflows/ci.yml')
  const { permissions, jobs } = parse(text)
  assert.deepEqual(permissions, { contents: 'read' })
  for (const job of Object.values<Record<string, any>>(jobs)) {
    assert.equal(job.permissions, undefined)
    assert.ok(job['timeout-minutes'] > 0)
    for (const { uses } of job.steps) if (uses !== undefined) assert.match(uses, /^[\w-]+\/[\w-]+@[0-9a-f]{40}$/)
  }
  assert.ok(jobs.ci.steps.some(({ run }: { run?: string }) => run === '.ci/run'))
  accessSync(join(ROOT, '.ci/run'), constants.X_OK)
})

test('issue forms have the parts that GitHub asks for, and no identifier twice', () => {
  const forms = globSync('.github/ISSUE_TEMPLATE/*.yml', { cwd: ROOT }).filter((path) => !path.endsWith('config.yml'))
  assert.ok(forms.length >= 2)
  for (const path of forms) {
    const { name, description, body } = parse(read(path))
    assert.ok(name && description, path)
    const fields = (body as { type: string; id?: string; attributes: { label?: string; value?: string } }[]).filter(
      ({ type }) => type !== 'markdown',
    )
    for (const { type, id, attributes } of fields) {
      assert.match(type, /^(?:textarea|input|dropdown|checkboxes)$/, path)
      assert.ok(id && attributes.label, path)
    }
    assert.equal(new Set(fields.map(({ id }) => id)).size, fields.length, path)
  }
})

test('commits that git blame skips are named by their whole hash', () => {
  const lines = read('.git-blame-ignore-revs')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
  assert.ok(lines.length > 0)
  for (const line of lines) assert.match(line, /^[0-9a-f]{40}$/)
})
