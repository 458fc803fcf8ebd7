import assert from 'node:assert/strict'
import { basename } from 'node:path'
import { test } from 'node:test'
import { buildApp } from '../../src/app.ts'
import { BootProblems } from '../../src/errors.ts'
import { routesFolder, testConfig } from '../support/gateway.ts'
import { runCommand } from '../support/command.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

/** What loads without an error and yet would not do what its author meant. */

const fine = { prefix: '/fine', auth: 'none', targets: ['http://127.0.0.1:1'] }

async function problems(t: Parameters<typeof routesFolder>[0], files: Record<string, unknown>): Promise<string[]> {
  const error = await buildApp(testConfig(await routesFolder(t, files))).then(
    async (app) => {
      await app.close()
    },
    (thrown: unknown) => thrown,
  )
  assert.ok(error instanceof BootProblems, String(error))
  return error.problems.map(({ file, field, message }) => `${basename(file)} ${field}: ${message}`).sort()
}

test('a parameter in braces and one parameter twice are mistakes in a url', async (t) => {
  assert.deepEqual(
    await problems(t, {
      'a.json': {
        ...fine,
        name: 'a',
        routes: [
          { method: 'GET', url: '/{id}' },
          { method: 'GET', url: '/x/{order-id}/{path+}' },
          { method: 'GET', url: '/y/:id/z/:id' },
          { method: 'GET', url: '/r/:id', rewritePath: '/v2/{id}' },
          { method: 'GET', url: '/s/:id', redirect: { to: 'https://a.example/s/{id}?x={id}' } },
          // what is no parameter may stand in braces, in a pattern and in a query
          { method: 'GET', url: '/t/:id([a-z]{2})', rewritePath: '/t?filter={x}' },
        ],
      },
    }),
    [
      'a.json routes[0].url: found "/{id}", where braces are taken as they are: did you mean "/:id"?',
      'a.json routes[1].url: found "/x/{order-id}/{path+}", where braces are taken as they are: did you mean "/x/:order_id/*"?',
      'a.json routes[2].url: found "/y/:id/z/:id", which has the parameter "id" twice: give each a name of its own',
      'a.json routes[3].rewritePath: found "/v2/{id}", where braces are taken as they are: did you mean "/v2/:id"?',
      'a.json routes[4].redirect.to: found "https://a.example/s/{id}?x={id}", where braces are taken as they are: did you mean "https://a.example/s/:id?x=:id"?',
    ],
  )
})

test('a function that returns a declaration is told from a plugin', async (t) => {
  const declaration = JSON.stringify({ ...fine, name: 'a', routes: [{ method: 'GET', url: '/' }] })
  const said =
    'default export: is a function that returns a declaration, which registers nothing: export the declaration itself, as in "export default defineUpstream({ ... })"'
  assert.deepEqual(
    await problems(t, {
      'a.mjs': `export default () => (${declaration})`,
      'b.mjs': `export default async function () { return ${declaration} }`,
      'c.mjs': `import { defineUpstream } from 'gatehouse'\nexport default () => defineUpstream(${declaration})`,
      // what plugins return otherwise is nobody's business
      'd.mjs': "export default async (app) => app.get('/d', { config: { auth: 'none' } }, () => 'd')",
      'e.mjs':
        "export default (app, options, done) => { app.get('/e', { config: { auth: 'none' } }, () => 'e'); done() }",
      'f.mjs':
        "export default async (app) => { app.get('/f', { config: { auth: 'none' } }, () => 'f'); return { name: 'f' } }",
    }),
    ['a.mjs', 'b.mjs', 'c.mjs'].map((file) => `${file} ${said}`),
  )
})

test('check names files that look like declarations or configurations and are not read', async (t) => {
  const cwd = temporaryFolder(t, {
    'gatehouse.yaml': 'port: 1',
    'gatehouse.config.toml': '',
    'routes/a.json': JSON.stringify({ ...fine, name: 'a', routes: [{ method: 'GET', url: '/' }] }),
    'routes/b.cts': '',
    'routes/c.tsx': '',
    'routes/deep/d.toml': '',
    'routes/e.YAML': '',
    'routes/README.md': '',
    'routes/_f.cjs': '',
    'routes/g.d.cts': '',
  })
  const notes = [
    'note: gatehouse.config.toml and gatehouse.yaml are not read: a configuration is gatehouse.config with the ending .ts, .js, .mjs, .yaml, .yml, .json, or what --config names\n',
    'note: routes/b.cts, routes/c.tsx, routes/deep/d.toml and routes/e.YAML are not read: an upstream file ends with .ts, .mts, .js, .mjs, .yaml, .yml, .json\n',
  ]
  const { stdout, stderr, code } = await runCommand(t, ['check'], { cwd })
  assert.equal(stderr + stdout, `configuration, 1 route of 1 file and documents are right\n${notes.join('')}`)
  assert.equal(code, 0)
  // with a configuration, there is nothing to mistake
  const { stdout: configured } = await runCommand(t, ['check', '--config', 'gatehouse.yaml'], { cwd })
  assert.ok(!configured.includes('gatehouse.config.toml') && configured.includes('routes/b.cts'), configured)
})

test('two pass-throughs on one host collide with no method named', async (t) => {
  const passThrough = (name: string): object => ({
    name,
    hosts: 'e.lan',
    auth: 'none',
    targets: 'http://127.0.0.1:1',
    passThrough: true,
  })
  const [said] = await problems(t, { 'e.json': passThrough('e'), 'f.json': passThrough('f') })
  assert.match(said!, /^f\.json passThrough: \/ on host e\.lan is declared in \S*e\.json too: change one of them$/)
})
