import assert from 'node:assert/strict'
import { fileURLToPath } from 'node:url'
import { freePort } from '../child-process.ts'
import type { Application } from './application.ts'

interface Result {
  data: { countdown: number }
}
interface Client {
  iterate: (request: object) => AsyncIterable<Result>
  dispose: () => unknown
}
interface Library {
  createClient: (options: object) => Client
}

export const graphql: Application = {
  name: 'graphql',
  packages: { graphql: '17.1.0', 'graphql-ws': '6.4.2', ws: '8.23.0' },

  async start(workshop) {
    const port = await freePort()
    await workshop.serve([fileURLToPath(new URL('servers/graphql.ts', import.meta.url))], port)
    return [port]
  },

  async drive(drive) {
    const { url, workshop } = drive
    await drive.step('query over HTTP', async () => {
      const asked = { query: 'query ($name: String!) { greeting(name: $name) }', variables: { name: 'Ada' } }
      const headers = { 'content-type': 'application/json' }
      const response = await fetch(`${url}/graphql`, { method: 'POST', headers, body: JSON.stringify(asked) })
      assert.deepEqual(await response.json(), { data: { greeting: 'Hello Ada' } })
    })
    await drive.step('subscription over WebSocket, to its end', async () => {
      const { createClient } = workshop.load<Library>('graphql-ws')
      const address = `${url.replace('http', 'ws')}/graphql`
      const client = createClient({ url: address, webSocketImpl: WebSocket, retryAttempts: 0 })
      const seen: number[] = []
      const asked = { query: 'subscription { countdown(from: 5) }' }
      for await (const { data } of client.iterate(asked)) seen.push(data.countdown)
      assert.deepEqual(seen, [5, 4, 3, 2, 1, 0])
      await client.dispose()
    })
  },
}
