import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { LimitedBody } from '../../src/proxy/request-body.ts'

test('a body that nobody listens to any more ends with an error, and the process goes on', async () => {
  const body = new LimitedBody(10)
  // `once` would listen for the error too
  const closed = new Promise((resolve) => {
    body.on('close', resolve)
  })
  body.destroy(new Error('given up'))
  await closed
  assert.equal(body.errored?.message, 'given up')
})

test('a body that is longer than allowed fails', async () => {
  const body = new LimitedBody(3)
  body.write('abcd')
  const [error] = (await once(body, 'error')) as [Error & { code: string }]
  assert.equal(error.code, 'GW_BODY_TOO_LARGE')
})
