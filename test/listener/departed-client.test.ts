import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { apiDocument, startApiGateway } from '../support/api-gateway.ts'
import { eventually } from '../support/eventually.ts'

test('a client that goes away during its upload is no error of the gateway', async (t) => {
  const schema = { type: 'object', properties: { a: { type: 'string' } } }
  const form = { requestBody: { content: { 'application/json': { schema }, 'multipart/form-data': { schema } } } }
  const { app, port } = await startApiGateway(t, apiDocument({ '/described': { post: { ...form, responses: {} } } }), {
    routes: [{ method: 'POST', url: '/checked', schema: { body: { type: 'object' } } }],
  })
  const errors = t.mock.method(app.log, 'error')
  const infos = t.mock.method(app.log, 'info')
  const json = [
    'content-length: 100\r\n\r\n{"a"',
    'transfer-encoding: chunked\r\n\r\n4\r\n{"a"\r\n',
    'transfer-encoding: chunked\r\n\r\n40\r\n{"a"',
  ]
  const uploads = [
    ...['/checked', '/described'].flatMap((path) =>
      json.map((body) => `POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n${body}`),
    ),
    'POST /described HTTP/1.1\r\nhost: x\r\ncontent-type: multipart/form-data; boundary=b\r\ncontent-length: 200\r\n\r\n--b\r\ncontent-disposition: form-data; name=a\r\n\r\nx',
  ]
  for (const [i, upload] of uploads.entries()) {
    for (const leave of ['destroy', 'resetAndDestroy'] as const) {
      const socket = connect(port, '127.0.0.1')
      socket.on('error', () => {})
      await once(socket, 'connect')
      const arrived = once(app.server, 'request')
      socket.write(upload)
      await arrived
      // the body is read by then
      await eventually('the bytes', () => socket.bytesWritten > 60)
      socket[leave]()
      await eventually(
        `the end of connection ${i}`,
        () =>
          new Promise<true | null>((resolve) =>
            app.server.getConnections((_error, count) => resolve(count === 0 || null)),
          ),
      )
    }
  }
  assert.deepEqual(
    errors.mock.calls.map(({ arguments: args }) => args),
    [],
  )
  assert.ok(
    infos.mock.calls.every(({ arguments: [fields] }) => !('err' in (fields as object))),
    'no stack',
  )
})
