import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildApp } from '../../src/app.ts'
import { listening, routesFolder, testConfig } from '../support/gateway.ts'
import { isAlive } from './wire.ts'

const THROWN = [
  "'text'",
  'null',
  'undefined',
  '{ statusCode: 403 }',
  '{ statusCode: 999, code: {}, headers: 5 }',
  'new Error()',
]

for (const thrown of THROWN) {
  test(`an onSend hook that fails with ${thrown} does not end the process`, async (t) => {
    const hooks = [
      `async () => { throw ${thrown} }`,
      `() => { throw ${thrown} }`,
      `(q, r, payload, done) => { done(${thrown} ?? 'text') }`,
    ]
    const text = `export default async (app) => {
      const config = { auth: 'none' }
      ${hooks
        .map(
          (hook, i) => `
      await app.register(async (child) => { child.addHook('onSend', ${hook}); child.get('/scope', { config }, () => 'own') }, { prefix: '/${i}' })
      app.get('/${i}/route', { config, onSend: ${hook} }, () => 'own')`,
        )
        .join('')}
      app.get('/changed', { config, onSend: async (q, r, payload) => payload + '!' }, () => 'own')
    }`
    const { port } = await listening(t, await buildApp(testConfig(await routesFolder(t, { 'a.mjs': text }), {})))
    for (const i of hooks.keys()) {
      for (const place of ['scope', 'route']) {
        const response = await fetch(`http://127.0.0.1:${port}/${i}/${place}`)
        assert.equal(response.status, 500, `${i}/${place}`)
        await response.arrayBuffer()
      }
    }
    assert.equal(await (await fetch(`http://127.0.0.1:${port}/changed`)).text(), 'own!')
    assert.ok(await isAlive(port))
  })
}
