import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { boundConnections, openFileLimit } from '../../src/listener/connection-bound.ts'
import { testConfig } from '../support/gateway.ts'
import { buildApp } from '../../src/app.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const log = () => {
  const lines: [object, string][] = []
  return {
    lines,
    warn: (details: object, message: string) => {
      lines.push([details, message])
    },
  }
}

test('the default is half of the files that the process may open', () => {
  const server = createServer()
  boundConnections(server, undefined, log(), 1000)
  assert.equal(server.maxConnections, 500)
})

test('a stated number wins, 0 and an unknown limit have no bound', () => {
  const server = createServer()
  boundConnections(server, undefined, log(), null)
  boundConnections(server, 0, log(), 1000)
  assert.equal(server.maxConnections, undefined)
  boundConnections(server, 7, log(), 1000)
  assert.equal(server.maxConnections, 7)
})

test('a gateway has the bound without a word in its configuration', async (t) => {
  const app = await buildApp(testConfig(await temporaryFolder(t)))
  t.after(() => app.close())
  const files = openFileLimit()
  assert.equal(app.server.maxConnections, files === null ? undefined : Math.floor(files / 2))
})

test('connections beyond the bound are closed, which is one line of the log; few open files are another', async (t) => {
  const { lines, warn } = log()
  const server = createServer()
  boundConnections(server, 1, { warn }, 256)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const sockets: Socket[] = []
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const open = (): Socket => {
    const socket = connect(port, '127.0.0.1').on('error', () => {})
    sockets.push(socket)
    return socket
  }
  await Promise.all([once(open(), 'connect'), once(server, 'connection')])
  for (let i = 0; i < 3; i++) await once(open(), 'close')
  assert.deepEqual(
    lines.map(([details]) => details),
    [
      { files: 256, maxConnections: 1 },
      { refused: 1, maxConnections: 1 },
    ],
  )
})
