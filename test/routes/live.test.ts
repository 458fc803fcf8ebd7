import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { start } from '../../demo/live.ts'
import { type SampleGateway, startSample } from './sample-gateway.ts'

describe('routes/live.ts', () => {
  let gateway: SampleGateway
  before(async () => { gateway = await startSample('LIVE_URL', await start()) })
  after(() => gateway.close())

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
