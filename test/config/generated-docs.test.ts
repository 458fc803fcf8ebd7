import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { GENERATED_DOCS } from '../../scripts/generate-docs.ts'
import { ConfigSchema } from '../../src/config/config-schema.ts'
import { environmentVariables } from '../../src/config/environment.ts'
import { ERRORS } from '../../src/errors.ts'

const page = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

for (const [path, generate] of Object.entries(GENERATED_DOCS)) {
  test(`${path} is up to date (npm run docs writes it)`, () => {
    assert.equal(page(path), generate())
  })
}

test('the configuration page has every variable and every key', () => {
  const text = page('docs/configuration.md')
  for (const { name, path, secret } of environmentVariables(ConfigSchema)) {
    // the parts of an authentication scheme are told where the scheme is
    if (path.includes('scopes') || path.includes('groups')) continue
    assert.ok(text.includes(`\`${name}\``), name)
    if (secret) assert.ok(text.includes(`\`${name}_FILE\``), name)
  }
  for (const key of Object.keys(ConfigSchema.properties)) assert.ok(text.includes(`| \`${key}\` |`), key)
})

test('the error page has every code with its status', () => {
  const text = page('docs/errors.md')
  for (const [code, { status }] of Object.entries(ERRORS)) assert.ok(text.includes(`| \`${code}\` | ${status} |`), code)
})

test('no table is broken by its content', () => {
  for (const path of Object.keys(GENERATED_DOCS)) {
    let columns = 0
    for (const line of page(path).split('\n')) {
      const cells = line.startsWith('|') ? line.replaceAll('\\|', '').split('|').length : 0
      if (cells && columns) assert.equal(cells, columns, `${path}: ${line}`)
      columns = cells
    }
  }
})
