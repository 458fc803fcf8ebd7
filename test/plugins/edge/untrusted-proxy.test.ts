import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import fastify from 'fastify'
import untrustedProxy from '../../../plugins/edge/untrusted-proxy.ts'
import { preparePhases } from '../../../src/phases.ts'
import { ask } from '../../support/cookie-browser.ts'
import { testConfig } from '../../support/gateway.ts'

/** Warnings after requests with these headers, over sockets. */
async function warnings(
  t: TestContext,
  requests: Record<string, string>[],
  trustProxy: string[] = [],
): Promise<{ msg: string; peer: string; field: string }[]> {
  const lines: { level: number; msg: string; peer: string; field: string }[] = []
  const app = fastify({
    logger: {
      level: 'warn',
      stream: {
        write: (line: string) => {
          lines.push(JSON.parse(line))
        },
      },
    },
  })
  t.after(() => app.close())
  app.decorate('config', testConfig('.', { trustProxy }) as never)
  const addRequestPhases = preparePhases(app as never)
  await app.register(untrustedProxy)
  addRequestPhases()
  app.get('/x', () => 'x')
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  for (const [i, headers] of requests.entries()) await ask(`${url}/${i === 0 ? 'unknown' : 'x'}`, { headers })
  return lines.filter(({ level }) => level === 40)
}

test('a proxy that is not trusted is named in the log, once, with what to configure', async (t) => {
  const told = await warnings(t, [
    { 'X-Forwarded-For': '192.0.2.1' },
    { 'X-Forwarded-For': '192.0.2.2' },
    { Forwarded: 'for=192.0.2.3' },
  ])
  assert.equal(told.length, 1)
  assert.deepEqual([told[0]!.peer, told[0]!.field], ['127.0.0.1', 'x-forwarded-for'])
  assert.match(told[0]!.msg, /add its address to trustProxy/)
})

test('every field that states a client is noticed', async (t) => {
  for (const name of ['Forwarded', 'X-Real-IP', 'x-forwarded-for']) {
    assert.equal((await warnings(t, [{ [name]: 'for=192.0.2.1' }])).length, 1, name)
  }
})

test('a trusted proxy, and requests without such a field, cause no warning', async (t) => {
  assert.deepEqual(await warnings(t, [{ 'x-forwarded-for': '192.0.2.1' }], ['127.0.0.0/8']), [])
  assert.deepEqual(await warnings(t, [{}, { accept: '*/*' }]), [])
})
