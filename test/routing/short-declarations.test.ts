import assert from 'node:assert/strict'
import { basename } from 'node:path'
import { test } from 'node:test'
import { buildApp } from '../../src/app.ts'
import { BootProblems } from '../../src/errors.ts'
import { startBackend } from '../support/backend.ts'
import { routesFolder, startGateway, testConfig } from '../support/gateway.ts'
import { ask } from '../support/http-client.ts'

test('hosts and targets may be plain text, in data files, modules and hand-written plugins', async (t) => {
  const backend = await startBackend(t, (request, response) => {
    response.end(request.url)
  })
  const { url, app } = await startGateway(t, {
    'a.json': { name: 'a', hosts: 'app.lan', targets: backend.url, auth: 'none', passThrough: true },
    'b.yaml': `name: b\nhosts: "*.b.lan"\ntargets: ${backend.url}\nauth: none\npassThrough: true\nmirror: { targets: "${backend.url}/mirror" }\n`,
    'c.mjs': `import { defineUpstream } from 'gatehouse'\nexport default defineUpstream({ name: 'c', prefix: '/c', targets: '${backend.url}', auth: 'none', passThrough: true })`,
    'd.mjs': `export default async (app) => {
      app.addUpstream({ name: 'd', targets: '${backend.url}' })
      app.get('/d', { config: { auth: 'none' } }, (request, reply) => reply.forward('d'))
      await app.declareUpstream({ name: 'e', prefix: '/e', hosts: 'e.lan', targets: '${backend.url}', auth: 'none', passThrough: true })
    }`,
  })
  for (const [host, path] of [
    ['app.lan', '/a'],
    ['x.b.lan', '/b'],
    ['any', '/c/c'],
    ['any', '/d'],
    ['e.lan', '/e/e'],
  ] as const) {
    assert.deepEqual(await answer(url + path, host), [200, path], host + path)
  }
  assert.deepEqual((await answer(`${url}/a`, 'other.lan'))[0], 404)
  assert.deepEqual(
    app.upstreams.get('b~mirror')!.targets.map(({ id }) => id),
    [`${backend.url}/mirror`],
  )
})

test('hosts may have underscores', async (t) => {
  const backend = await startBackend(t, (_request, response) => {
    response.end('found')
  })
  const { url } = await startGateway(t, {
    'a.json': {
      name: 'a',
      hosts: ['my_app.lan', '*.home_lab.lan', '_x'],
      targets: backend.url,
      auth: 'none',
      passThrough: true,
    },
  })
  for (const host of ['my_app.lan', 'MY_APP.lan:8080', 'a_b.home_lab.lan', '_x']) {
    assert.deepEqual(await answer(url, host), [200, 'found'], host)
  }
  assert.equal((await answer(url, 'my-app.lan'))[0], 404)
})

test('a target without a scheme is told what to put before it', async (t) => {
  const upstream = (targets: unknown, more = {}): object => ({
    name: 'a',
    prefix: '/a',
    auth: 'none',
    passThrough: true,
    targets,
    ...more,
  })
  const folder = await routesFolder(t, {
    'a.json': upstream(['127.0.0.1:5001', { url: 'localhost:5001/base' }, 'http://fine']),
    'b.json': upstream('orders:4001', { name: 'b', prefix: '/b' }),
    'c.json': upstream('ftp://x', { name: 'c', prefix: '/c', mirror: { targets: ['[::1]:80'] } }),
    'd.json': upstream('http://u:p@x', { name: 'd', prefix: '/d' }),
    'e.mjs': "export default async (app) => { app.addUpstream({ name: 'e', targets: 'localhost' }) }",
  })
  const error = await buildApp(testConfig(folder)).then(
    () => null,
    (thrown: unknown) => thrown,
  )
  assert.ok(error instanceof BootProblems, String(error))
  const lines = error.problems.map(({ file, field, message }) => `${basename(file)} ${field}: ${message}`)
  const advice = 'put http:// before it, or https:// if it has TLS'
  for (const line of [
    `a.json targets[0]: found "127.0.0.1:5001": ${advice}`,
    `a.json targets[1].url: found "localhost:5001/base": ${advice}`,
    `b.json targets: found "orders:4001": ${advice}`,
    `c.json mirror.targets[0]: found "[::1]:80": ${advice}`,
    `e.mjs app.addUpstream("e"): targets: found "localhost": ${advice}`,
  ]) {
    assert.ok(lines.includes(line), `${line} in\n${lines.join('\n')}`)
  }
  assert.match(
    lines.find((line) => line.startsWith('c.json targets:'))!,
    /allowed: URL, .*; one as text, or a list of them$/,
  )
  assert.match(
    lines.find((line) => line.startsWith('d.json'))!,
    /^d\.json targets: a target has no query, fragment or credentials/,
  )
  assert.equal(lines.length, 7)
})

async function answer(url: string, host: string): Promise<[number, string]> {
  const { status, body } = await ask(url, { headers: { host } })
  return [status, body]
}
