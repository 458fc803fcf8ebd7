import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startCached } from '../cache/cached-gateway.ts'
import { eventually } from '../support/eventually.ts'
import { get, openWire } from './wire.ts'

const MIB = 1024 * 1024
const hit = /hit/

test(
  'responses on their way into the cache hold a bounded number of bytes, whatever clients read',
  { timeout: 120_000 },
  async (t) => {
    const body = Buffer.alloc(8 * MIB, 'x')
    const gateway = await startCached(
      t,
      (_request, response) => {
        response.setHeader('cache-control', 'max-age=60').setHeader('content-length', body.length).end(body)
      },
      { maxObjectSize: '16MiB' },
      {},
      { cache: { memory: '100MiB', inFlight: '10MiB' } },
    )
    const { inFlight } = gateway.app.responseCache
    const ask = async (path: string): Promise<string> => {
      const { status, headers, body: text } = await gateway.ask(path)
      assert.deepEqual([status, text.length], [200, body.length])
      return String(headers['cache-status'])
    }

    await t.test('alone there is room', async () => {
      await ask('/first')
      assert.match(await ask('/first'), hit)
      await eventually('the bytes are given back', () => inFlight.held === 0)
    })
    await t.test('a client that reads nothing holds what it is sent', async (t) => {
      const wires = []
      for (let i = 0; i < 3; i++) {
        const wire = await openWire(t, gateway.port)
        wire.socket.pause()
        wire.socket.write(get(`/unread-${i}`))
        wires.push(wire)
      }
      await eventually('the upstream has been asked for all', () => gateway.asked() === 4)
      await eventually('bytes are held', () => inFlight.held >= body.length)
      assert.ok(inFlight.held <= 10 * MIB)
      // others get whole answers, which are not stored
      assert.doesNotMatch(await ask('/second'), hit)
      assert.doesNotMatch(await ask('/second'), hit)
      assert.match(await ask('/first'), hit)
      assert.ok(inFlight.held <= 10 * MIB)
      for (const { socket } of wires) socket.destroy()
      await eventually('the bytes are given back', () => inFlight.held === 0)
    })
    await t.test('then there is room again', async () => {
      assert.doesNotMatch(await ask('/second'), hit)
      assert.match(await ask('/second'), hit)
    })
  },
)
