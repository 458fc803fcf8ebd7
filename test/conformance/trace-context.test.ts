import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rawRequest } from '../support/raw-client.ts'
import { get, startRecorder, startWays, UPGRADE, WAYS } from '../security/wire.ts'

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const PARENT = '00f067aa0ba902b7'
const VALID = `00-${TRACE}-${PARENT}-01`

// W3C Trace Context, sections 3.2 and 3.3
test('a valid traceparent goes on with its tracestate', async (t) => {
  const backend = await startRecorder(t)
  const { port } = await startWays(t, backend.url)
  for (const way of WAYS) {
    for (const parent of [
      VALID,
      `00-${TRACE}-${PARENT}-ff`,
      `cc-${TRACE}-${PARENT}-01`,
      `cc-${TRACE}-${PARENT}-01-what-the-future-brings`,
    ]) {
      await rawRequest(port, get(`${way}/x`, `traceparent: ${parent}\r\ntracestate: a=1\r\ntracestate: b=2\r\n`))
      const { headers } = backend.received.at(-1)!
      assert.deepEqual([headers.traceparent, headers.tracestate], [parent, 'a=1, b=2'], way)
    }
  }
})

test('a doubled or invalid traceparent is dropped, and tracestate with it', async (t) => {
  const backend = await startRecorder(t)
  const { port } = await startWays(t, backend.url)
  const wrong = [
    `traceparent: ${VALID}\r\ntraceparent: ${VALID}\r\n`,
    `traceparent: ${VALID}\r\nTraceParent: 00-${TRACE}-${PARENT}-00\r\n`,
    `traceparent: ${VALID}, ${VALID}\r\n`,
    `traceparent: ${VALID}-\r\n`,
    `traceparent: ${VALID}-x\r\n`,
    `traceparent: ff-${TRACE}-${PARENT}-01\r\n`,
    `traceparent: 00-${'0'.repeat(32)}-${PARENT}-01\r\n`,
    `traceparent: 00-${TRACE}-${'0'.repeat(16)}-01\r\n`,
    `traceparent: 00-${TRACE.toUpperCase()}-${PARENT}-01\r\n`,
    `traceparent: 00-${TRACE}-${PARENT}\r\n`,
    `traceparent: 00-${TRACE}-${PARENT}-1\r\n`,
    `traceparent: cc-${TRACE}-${PARENT}-01x\r\n`,
    'traceparent:\r\n',
    'traceparent: nonsense\r\n',
    `traceparent: "${VALID}"\r\n`,
    '',
    `traceparent: ${VALID}\r\nconnection: traceparent\r\n`,
  ]
  for (const way of WAYS) {
    for (const fields of wrong) {
      for (const target of [get(`${way}/x`, `${fields}tracestate: a=1\r\nx-kept: 1\r\n`)]) {
        await rawRequest(port, target)
        const { headers } = backend.received.at(-1)!
        assert.deepEqual(
          [headers.traceparent, headers.tracestate, headers['x-kept']],
          [undefined, undefined, '1'],
          `${way} ${fields}`,
        )
      }
    }
    await rawRequest(
      port,
      get(`${way}/socket`, `traceparent: ${VALID}\r\ntraceparent: ${VALID}\r\ntracestate: a=1\r\n${UPGRADE}`),
    )
  }
  assert.doesNotMatch(backend.wire(), /socket[^]*tracestate/)
})
