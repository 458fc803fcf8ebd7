import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { start } from '../../demo/live.ts'
import type { Service } from '../../demo/service.ts'
import { type SampleGateway, startSample } from './sample-gateway.ts'

describe('routes/live.ts', () => {
  let gateway: SampleGateway
  let second: Service
  before(async () => {
    second = await start()
    process.env.LIVE_2_URL = second.url
    gateway = await startSample('LIVE_URL', await start())
  })
  after(() => Promise.all([gateway.close(), second.close()]))

  test('both targets answer in turn, and one goes on alone', async () => {
    const ticks = () => gateway.call('GET', '/live/ticks?count=1', null)
    for (let i = 0; i < 2; i++) assert.equal((await ticks()).status, 200)
    await second.close()
    for (let i = 0; i < 4; i++) assert.equal((await ticks()).status, 200)
    second = await start()
  })

  test('the page and the ticks are open', async () => {
    const page = await gateway.call('GET', '/live', null)
    assert.equal(page.status, 200)
    assert.equal(page.headers.get('x-content-type-options'), 'nosniff')
    assert.match((await gateway.call('GET', '/live/ticks?count=1', null)).body, /^id: 1\nevent: tick\n/)
    assert.equal((await gateway.call('GET', '/live/ticks?count=no', null)).status, 400)
  })

  test('the socket needs a token, and an upgrade', async () => {
    assert.equal((await gateway.call('GET', '/live/socket', null)).status, 401)
    assert.equal((await gateway.call('GET', '/live/socket', ['users:read'])).status, 403)
    assert.equal((await gateway.call('GET', '/live/socket', ['live:read'])).status, 426)
  })
})
