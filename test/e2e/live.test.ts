import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { after, before, describe, test } from 'node:test'
import { WebSocket } from 'ws'
import { type DemoProcess, startDemo } from './demo-process.ts'

describe('what stays open, through the demo', () => {
  let demo: DemoProcess
  const endings: (() => unknown)[] = []
  before(async () => {
    demo = await startDemo({
      after: (end: () => unknown) => {
        endings.push(end)
      },
    } as never)
  })
  after(async () => {
    await demo.stop()
    for (const end of endings) await end()
  })

  const dial = (path: string, protocols: string[] = [], token: string | null = demo.readToken) =>
    new WebSocket(demo.url.replace('http', 'ws') + path, protocols, {
      headers: token === null ? {} : { authorization: `Bearer ${token}` },
    })
  const opened = async (protocols?: string[]) => {
    const socket = dial('/live/socket', protocols)
    await once(socket, 'open')
    return socket
  }
  /** The plain answer to an upgrade that is refused. */
  const refusal = async (socket: WebSocket) => {
    socket.on('error', () => {})
    const [request, response] = (await once(socket, 'unexpected-response')) as [{ destroy(): void }, IncomingMessage]
    let body = ''
    for await (const chunk of response.setEncoding('utf8')) body += chunk
    request.destroy()
    return { status: response.statusCode, headers: response.headers, body }
  }

  test('an upgrade without a token is 401, with a wrong one too', async () => {
    const { status, headers, body } = await refusal(dial('/live/socket', [], null))
    assert.equal(status, 401)
    assert.match(String(headers['www-authenticate']), /^Bearer/)
    assert.equal(JSON.parse(body).code, 'GW_UNAUTHORIZED')
    assert.equal((await refusal(dial('/live/socket', [], 'a.b.c'))).status, 401)
  })

  test('an upgrade is refused where no route takes it', async () => {
    assert.equal((await refusal(dial('/live/nothing'))).status, 404)
    const { status, body } = await refusal(dial('/live/ticks'))
    assert.equal(status, 400)
    assert.equal(JSON.parse(body).code, 'GW_UPGRADE_REFUSED')
  })

  test('text goes there and back, also when it is long', async () => {
    const socket = await opened()
    for (const text of ['hello', 'é'.repeat(30_000), '']) {
      socket.send(text)
      assert.equal(String((await once(socket, 'message'))[0]), text)
    }
    socket.ping('are you there')
    assert.equal(String((await once(socket, 'pong'))[0]), 'are you there')
    socket.close()
    await once(socket, 'close')
  })

  test('the subprotocol that the service chooses is the one', async () => {
    const socket = dial('/live/socket', ['unknown', 'clock', 'echo'])
    const message = once(socket, 'message')
    await once(socket, 'open')
    assert.equal(socket.protocol, 'echo')
    socket.send('x')
    assert.equal(String((await message)[0]), 'x')
    socket.close()
    const clock = dial('/live/socket', ['clock'])
    const [time] = await once(clock, 'message')
    assert.equal(clock.protocol, 'clock')
    assert.ok(Date.parse(String(time)) > 0)
    clock.close()
    await once(clock, 'close')
  })

  test('close codes and reasons are relayed both ways', async () => {
    const refused = await opened()
    refused.send(Buffer.from([1, 2, 3]))
    const [code, reason] = await once(refused, 'close')
    assert.deepEqual([code, String(reason)], [1003, 'text only'])
    const large = await opened()
    large.send('x'.repeat(65 * 1024))
    assert.equal((await once(large, 'close'))[0], 1009)
    // the service answers a close frame with the same code
    const left = await opened()
    left.close(4321, 'enough')
    assert.equal((await once(left, 'close'))[0], 4321)
  })

  test('events arrive one by one, not at the end', async () => {
    // there is no end
    const response = await fetch(`${demo.url}/live/ticks`)
    assert.equal(response.status, 200)
    assert.match(response.headers.get('content-type')!, /^text\/event-stream/)
    assert.equal(response.headers.get('x-content-type-options'), 'nosniff')
    let text = ''
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      text += chunk
      if (/^id: 2$/m.test(text)) break
    }
    assert.match(text, /^id: 1\n[^]*^id: 2\n/m)
    assert.equal(
      await (await fetch(`${demo.url}/live/ticks?count=1`)).text().then((all) => all.match(/^id: /gm)!.length),
      1,
    )
    assert.equal((await fetch(`${demo.url}/live/ticks?count=0`)).status, 400)
  })
})
