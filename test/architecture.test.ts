import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

/** The house rules, checked from the real imports. */
const root = fileURLToPath(new URL('..', import.meta.url))
const files = globSync('{src,plugins,routes}/**/*.ts', { cwd: root })
const IMPORT = /(?:^|\n)\s*(?:import|export)\s(?:[^'"]*?\sfrom\s)?['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)/g

/** Local imports of a file as paths from the root, and whether all of them are `import type`. */
function importsOf(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8')
  return [...text.matchAll(IMPORT)]
    .map(([, fixed, dynamic]) => (fixed ?? dynamic)!)
    .filter((specifier) => specifier.startsWith('.'))
    .map((specifier) => relative(root, join(root, dirname(file), specifier)))
}
const graph = new Map(files.map((file) => [file, importsOf(file)]))

/**
 * The floors of `src/`, the highest first: an import goes to a lower floor or stays in its own folder. Folders on one
 * floor do not know each other. Every file stands on a floor.
 */
const FLOORS: readonly (readonly string[])[] = [
  ['main.ts'],
  ['cli.ts'],
  ['cli/'],
  ['index.ts'],
  ['app.ts'],
  ['optional-plugins.ts', 'gateway-server.ts', 'admin/'],
  ['routing/'],
  ['proxy/'],
  ['upstream/', 'listener/', 'observe/'],
  ['config/'],
  ['cache/', 'portal/', 'openapi/'],
  ['auth/', 'validation/'],
  ['traffic/', 'limits/', 'response/', 'browser/'],
  ['redis/', 'schema/'],
  ['errors.ts', 'units.ts', 'phases.ts'],
]
const ASSEMBLY = ['src/main.ts', 'src/cli.ts', 'src/app.ts']
/** The floor of a file of `src/`, counted from the top, and what it stands on there: a folder, or the file itself. */
function placeOf(file: string): { floor: number; place: string } | undefined {
  const inside = file.slice('src/'.length)
  for (const [floor, places] of FLOORS.entries()) {
    const place = places.find((name) => (name.endsWith('/') ? inside.startsWith(name) : inside === name))
    if (place !== undefined) return { floor, place }
  }
  return undefined
}

test('every local import names a file that exists, with its ending', () => {
  for (const [file, imports] of graph) {
    for (const imported of imports) assert.ok(existsSync(join(root, imported)), `${file} imports ${imported}`)
  }
})

test('every file of src stands on a floor, and imports go down or stay in the folder', () => {
  for (const [file, imports] of graph) {
    if (!file.startsWith('src/')) continue
    const from = placeOf(file)
    assert.ok(from, `${file} stands on no floor`)
    for (const imported of imports) {
      if (!imported.startsWith('src/')) continue
      const to = placeOf(imported)
      assert.ok(to, `${imported} stands on no floor`)
      assert.ok(to.floor > from.floor || to.place === from.place, `${file} imports ${imported}`)
    }
  }
})

test('plugins import folders of src, never what assembles the gateway, and never each other', () => {
  for (const [file, imports] of graph) {
    if (!file.startsWith('plugins/')) continue
    for (const imported of imports) {
      assert.ok(imported.startsWith('src/') && !ASSEMBLY.includes(imported), `${file} imports ${imported}`)
    }
  }
})

test('routes import the public face alone', () => {
  for (const [file, imports] of graph) if (file.startsWith('routes/')) assert.deepEqual(imports, [], file)
})

test('nothing in src imports plugins, routes or tests', () => {
  for (const [file, imports] of graph) {
    if (!file.startsWith('src/')) continue
    for (const imported of imports) {
      assert.ok(imported.startsWith('src/') || imported === 'package.json', `${file} imports ${imported}`)
    }
  }
})

/** Tools that work on whole API documents: the files of each that the rest of the gateway may import. */
const DOCUMENT_TOOLS: Record<string, readonly string[]> = {
  'src/openapi/diff/': ['document-diff.ts'],
  'src/openapi/drift/': ['drift-record.ts', 'drift-overlay.ts'],
  'src/openapi/mock/': ['mock-answer.ts', 'mock-schema.ts'],
}

test('a document tool is imported through its entry files, and tools do not import each other', () => {
  for (const [file, imports] of graph) {
    for (const imported of imports) {
      const tool = Object.keys(DOCUMENT_TOOLS).find((folder) => imported.startsWith(folder))
      if (tool === undefined || file.startsWith(tool)) continue
      const isTool = Object.keys(DOCUMENT_TOOLS).some((folder) => file.startsWith(folder))
      assert.ok(!isTool && DOCUMENT_TOOLS[tool]!.includes(basename(imported)), `${file} imports ${imported}`)
    }
  }
})

test('there is no circle of imports', () => {
  const done = new Set<string>()
  const visit = (file: string, path: string[]): void => {
    assert.ok(!path.includes(file), `circle: ${[...path.slice(path.indexOf(file)), file].join(' -> ')}`)
    if (done.has(file)) return
    for (const imported of graph.get(file) ?? []) visit(imported, [...path, file])
    done.add(file)
  }
  for (const file of files) visit(file, [])
})

test('file names are kebab-case and unique across src and plugins, and index.ts is the public face only', () => {
  const seen = new Map<string, string>()
  for (const file of files) {
    const name = basename(file)
    assert.match(name, /^[a-z0-9]+(-[a-z0-9]+)*\.ts$/, file)
    if (name === 'index.ts') assert.equal(file, 'src/index.ts')
    if (file.startsWith('routes/') || file.startsWith('plugins/')) continue
    assert.equal(seen.get(name), undefined, `${file} and ${seen.get(name)}`)
    seen.set(name, file)
  }
})

test('files hold one concept: a warning sign at 400 lines, and at 180 for a plugin', () => {
  for (const file of files) {
    const lines = readFileSync(join(root, file), 'utf8').split('\n').length - 1
    assert.ok(lines <= (file.startsWith('plugins/') ? 180 : 400), `${file} has ${lines} lines`)
  }
})
