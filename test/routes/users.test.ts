import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Service } from '../../demo/service.ts'
import { start } from '../../demo/users.ts'
import { type SampleGateway, startSample } from './sample-gateway.ts'

describe('routes/users.ts', () => {
  let gateway: SampleGateway
  let canary: Service
  before(async () => {
    canary = await start({}, 'v2')
    process.env.USERS_CANARY_URL = canary.url
    gateway = await startSample('USERS_URL', await start())
  })
  after(() => Promise.all([gateway.close(), canary.close()]))

  test('a request that asks for it gets the canary', async () => {
    const versionOf = async (headers?: Record<string, string>) =>
      (await gateway.call('GET', '/users', ['users:read'], undefined, headers)).headers.get('x-version')
    assert.equal(await versionOf({ 'x-canary': 'yes' }), 'v2')
    assert.equal(await versionOf(), await versionOf(), 'a consumer stays with one version')
  })

  test('the service learns who is calling, from the gateway alone', async () => {
    const { status, body } = await gateway.call('GET', '/users/me', ['a:b', 'c:d'], undefined, {
      'x-consumer-id': 'root',
      'X-Consumer-Scopes': 'all',
    })
    assert.deepEqual([status, body], [200, { consumer: 'tester', scopes: ['a:b', 'c:d'] }])
  })

  test('the former address is a redirect', async () => {
    const { status, headers } = await gateway.call('GET', '/users/whoami?x=1', null)
    assert.deepEqual([status, headers.get('location')], [301, '/users/me?x=1'])
  })

  test('one user at a time is limited more than the list', async () => {
    const statuses: number[] = []
    for (let id = 1; id <= 6; id++) statuses.push((await gateway.call('GET', `/users/${id}`, ['users:read'])).status)
    assert.deepEqual(statuses, [200, 200, 200, 200, 200, 429])
    const limited = await gateway.call('GET', '/users/1', ['users:read'])
    assert.equal(limited.body.code, 'GW_RATE_LIMITED')
    assert.ok(Number(limited.headers.get('retry-after')) > 0)
    assert.equal((await gateway.call('GET', '/users?team=types', ['users:read'])).status, 200)
  })
})
