import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as ws from 'ws'
import { closeFrame, FrameBoundary } from '../../src/proxy/websocket-frames.ts'

function frame(length: number, mask: boolean): Buffer {
  return Buffer.concat(
    (ws as unknown as { Sender: { frame(data: Buffer, options: object): Buffer[] } }).Sender.frame(
      Buffer.alloc(length, 0x81),
      { fin: true, opcode: 2, mask, readOnly: false, rsv1: false },
    ),
  )
}

test('finds the boundary of frames of every length form, however they are cut', () => {
  for (const mask of [false, true]) {
    const frames = [0, 1, 125, 126, 65535, 65536, 70000].map((length) => frame(length, mask))
    const stream = Buffer.concat(frames)
    for (const size of [1, 2, 3, 13, 1000, stream.length]) {
      const boundary = new FrameBoundary()
      for (let at = 0; at < stream.length; at += size) {
        assert.equal(boundary.advance(stream.subarray(at, at + size), false), Math.min(size, stream.length - at))
      }
      assert.ok(boundary.reached)
    }
    const stopping = new FrameBoundary()
    let at = 0
    for (const one of frames) {
      assert.equal(stopping.advance(stream.subarray(at), true), one.length)
      at += one.length
    }
  }
})

test('is not at a boundary within a header or a payload', () => {
  const whole = frame(300, true)
  for (let cut = 1; cut < whole.length; cut++) {
    const boundary = new FrameBoundary()
    boundary.advance(whole.subarray(0, cut), true)
    assert.equal(boundary.reached, false)
  }
})

test('close frames carry the code, masked for servers', () => {
  assert.deepEqual(closeFrame(1001, false), Buffer.from([0x88, 2, 3, 0xe9]))
  assert.deepEqual(closeFrame(1001, true), Buffer.from([0x88, 0x82, 0, 0, 0, 0, 3, 0xe9]))
})
