import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer as createHttp2Server } from 'node:http2'
import { createServer } from 'node:http'
import type { AddressInfo, Server } from 'node:net'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { DnsServer } from '../traffic/discovery/dns-server.ts'
import { eventually } from '../support/eventually.ts'
import { startGateway } from '../support/gateway.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

async function listening(t: TestContext, server: Server, place: string | undefined): Promise<number> {
  if (place === undefined) server.listen(0, '127.0.0.1')
  else server.listen(place)
  await once(server, 'listening')
  t.after(() => server.close())
  return place === undefined ? (server.address() as AddressInfo).port : 0
}

test('health checks go where the requests go: over sockets, HTTP/2 and to the addresses that were found', async (t) => {
  const asked: string[] = []
  const socket = join(temporaryFolder(t), 'app.sock')
  await listening(
    t,
    createServer((_request, response) => {
      asked.push('unix')
      response.end()
    }),
    socket,
  )
  const h2 = createHttp2Server((_request, response) => {
    asked.push('h2c')
    response.end()
  })
  const h2Port = await listening(t, h2, undefined)
  const namedPort = await listening(
    t,
    createServer((_request, response) => {
      asked.push('name')
      response.end()
    }),
    undefined,
  )
  const dns = await DnsServer.start(t)
  dns.set('orders.test', 'A', ['127.0.0.1'])
  const targets = [
    `unix:${socket}`,
    { url: `http://127.0.0.1:${h2Port}`, http2: 'prior-knowledge' },
    `http://orders.test:${namedPort}`,
  ]
  const upstream = (name: string, healthCheck: object) => ({
    [`${name}.json`]: { name, prefix: `/${name}`, auth: 'none', targets, passThrough: true, healthCheck },
  })
  const { app } = await startGateway(
    t,
    {
      ...upstream('http', { path: '/health', interval: 20, unhealthy: 1 }),
      ...upstream('tcp', { interval: 20, unhealthy: 1 }),
    },
    { dns: { servers: [dns.address] } },
  )
  const states = (): unknown[] =>
    [...app.upstreams].flatMap((upstream) =>
      (upstream.describe().targets as { lastCheck?: { result: string } }[]).map(({ lastCheck }) => lastCheck?.result),
    )
  await eventually('six checks passed', () => states().every((state) => state === 'passed') && states().length === 6)
  assert.deepEqual([...new Set(asked)].sort(), ['h2c', 'name', 'unix'])
})
