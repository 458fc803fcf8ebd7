import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, describe, test } from 'node:test'
import { WebSocket } from 'ws'
import { start } from '../../demo/live.ts'
import type { Service } from '../../demo/service.ts'

describe('demo live', () => {
  let service: Service
  before(async () => {
    service = await start()
  })
  after(() => service.close())

  test('sends as many ticks as asked for', async () => {
    const response = await fetch(`${service.url}/live/ticks?count=1`, { headers: { 'last-event-id': '41' } })
    assert.equal(response.headers.get('content-type'), 'text/event-stream')
    assert.match(await response.text(), /^id: 42\nevent: tick\ndata: \{"time":"\d{4}-[^"]+Z"\}\n\n$/)
  })

  test('serves a page that shows the ticks', async () => {
    const response = await fetch(`${service.url}/live`)
    assert.match(response.headers.get('content-type')!, /^text\/html/)
    assert.match(await response.text(), /new EventSource\('\/live\/ticks'\)/)
    assert.equal((await fetch(`${service.url}/live/socket`)).status, 426)
    assert.equal((await fetch(`${service.url}/live/nothing`)).status, 404)
  })

  test('echoes text, refuses binary data with close code 1003', async () => {
    const socket = new WebSocket(`${service.url}/live/socket`)
    await once(socket, 'open')
    socket.send('hello')
    const [data] = await once(socket, 'message')
    assert.equal(String(data), 'hello')
    socket.send(Buffer.from([0]))
    const [code, reason] = await once(socket, 'close')
    assert.deepEqual([code, String(reason)], [1003, 'text only'])
  })

  test('chooses a subprotocol', async () => {
    const socket = new WebSocket(`${service.url}/live/socket`, ['unknown', 'clock'])
    const message = once(socket, 'message')
    await once(socket, 'open')
    assert.equal(socket.protocol, 'clock')
    assert.ok(Date.parse(String((await message)[0])) > 0)
    socket.close()
    await once(socket, 'close')
  })

  test('ends streams and WebSockets when it closes', async () => {
    const own = await start()
    const socket = new WebSocket(`${own.url}/live/socket`)
    await once(socket, 'open')
    const closed = once(socket, 'close')
    const ticks = await fetch(`${own.url}/live/ticks`)
    await own.close()
    assert.equal((await closed)[0], 1001)
    await ticks.text()
  })
})
