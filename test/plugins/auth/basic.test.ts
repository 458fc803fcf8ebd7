import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import basic from '../../../plugins/auth/basic.ts'
import { hashPassword } from '../../../src/auth/basic/password-hash.ts'
import type { ConfigInput } from '../../../src/config/config-schema.ts'
import { startBackend } from '../../support/backend.ts'
import { startGateway } from '../../support/gateway.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import { stageApp } from './stage-app.ts'

const password = await hashPassword('päss')
const header = (pair: string): { authorization: string } => ({
  authorization: `Basic ${Buffer.from(pair).toString('base64')}`,
})

test('over the wire: the browser is asked, and the password stays with the gateway', async (t) => {
  const backend = await startBackend(t)
  const { url } = await startGateway(
    t,
    {
      'a.json': {
        name: 'a',
        targets: [backend.url],
        auth: { basic: { groups: ['staff'] } },
        identityHeaders: { 'x-user': 'sub' },
        routes: [
          { method: 'GET', url: '/x' },
          { method: 'GET', url: '/boss', auth: { basic: { groups: ['boss'] } } },
          { method: 'GET', url: '/either', auth: [{ jwt: {} }, { basic: {} }] },
        ],
      },
    },
    {
      jwt: { secret: 'a secret for tests, long enough for HS256' },
      basic: { users: [{ name: 'Jürgen', password, groups: ['staff'] }] },
    },
  )
  const asked = await fetch(`${url}/x`)
  assert.deepEqual(
    [asked.status, asked.headers.get('www-authenticate')],
    [401, 'Basic realm="gatehouse", charset="UTF-8"'],
  )
  assert.equal((await fetch(`${url}/x`, { headers: header('Jürgen:päss') })).status, 200)
  assert.deepEqual(
    [backend.received[0]!.headers['x-user'], backend.received[0]!.headers.authorization],
    ['J%C3%BCrgen', undefined],
  )
  assert.equal((await fetch(`${url}/boss`, { headers: header('Jürgen:päss') })).status, 403)
  const answers = new Set<string>()
  for (const pair of ['Jürgen:wrong', 'nobody:päss', 'nobody:wrong']) {
    const response = await fetch(`${url}/x`, { headers: header(pair) })
    const { requestId, ...problem } = (await response.json()) as Record<string, unknown>
    answers.add(JSON.stringify([response.status, problem]))
  }
  assert.equal(answers.size, 1)
  assert.equal((await fetch(`${url}/either`, { headers: header('Jürgen:päss') })).status, 200)
  assert.equal(
    (await fetch(`${url}/either`)).headers.get('www-authenticate'),
    'Bearer realm="gatehouse", Basic realm="gatehouse", charset="UTF-8"',
  )
})

test('who guesses is stopped before any hash, also at what is remembered', async (t) => {
  const app = await stageApp(t, {
    config: { failedAttempts: { max: 2, window: '1 minute' }, basic: { users: [{ name: 'ada', password }] } },
  })
  await app.register(basic)
  app.get('/x', { config: { auth: { basic: {} } } }, () => 'x')
  const ask = async (pair: string, remoteAddress = '192.0.2.1') =>
    (await app.inject({ url: '/x', headers: header(pair), remoteAddress })).statusCode
  assert.equal(await ask('ada:päss'), 200)
  assert.deepEqual(
    [await ask('ada:a'), await ask('eve:b'), await ask('ada:c'), await ask('ada:d'), await ask('ada:päss')],
    [401, 401, 401, 429, 429],
  )
  assert.equal(await ask('ada:päss', '192.0.2.2'), 200)
})

test('users of a file are joined with those of the configuration, and mistakes stop the boot without a hash in them', async (t) => {
  const folder = temporaryFolder(t, {
    'users.json': JSON.stringify([{ name: 'bob', password }]),
    'bad.yaml': `- name: bob\n  password: ${password.slice(0, 40)}\n`,
    'plain.yaml': '- name: bob\n  password: hunter2\n',
  })
  const app = await stageApp(t, {
    config: { basic: { users: [{ name: 'ada', password }], file: join(folder, 'users.json') } },
  })
  await app.register(basic)
  app.get('/x', { config: { auth: { basic: {} } } }, (request) => request.consumer!.id)
  for (const name of ['ada', 'bob']) {
    assert.equal((await app.inject({ url: '/x', headers: header(`${name}:päss`) })).body, name)
  }
  for (const [settings, message] of [
    [{}, /basic: has no users/],
    [{ file: join(folder, 'bad.yaml') }, /bad\.yaml: \[0\]\.password: is no hash of the form/],
    [{ file: join(folder, 'plain.yaml') }, /plain\.yaml:2: \[0\]\.password: found text of 7 characters \(not shown\)/],
    [
      { users: [{ name: 'a', password: '$scrypt$ln=1,r=1,p=1$YWFhYWFhYWE$YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh' }] },
      /basic\.users\[0\]\.password: is too weak/,
    ],
  ] as const) {
    const broken = await stageApp(t, { config: { basic: settings } as ConfigInput })
    await assert.rejects(
      async () => broken.register(basic),
      (error: Error) =>
        error.name === 'BootProblems' &&
        message.test(error.message) &&
        !error.message.includes('hunter2') &&
        !error.message.includes(password.slice(0, 40)),
      String(message),
    )
  }
})
