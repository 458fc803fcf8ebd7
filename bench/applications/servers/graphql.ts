import { createServer, type Server } from 'node:http'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'

// A GraphQL service with a query over HTTP and a subscription over WebSocket.

interface GraphQL {
  buildSchema: (source: string) => object
  graphql: (request: object) => Promise<unknown>
}
interface WebSocketServer {
  WebSocketServer: new (options: { server: Server; path: string }) => object
}
interface Transport {
  useServer: (options: object, server: object) => unknown
}

const load = createRequire(join(process.env.APPLICATIONS!, 'package.json'))
const { buildSchema, graphql } = load('graphql') as GraphQL
const { WebSocketServer } = load('ws') as WebSocketServer
const { useServer } = load('graphql-ws/use/ws') as Transport

const schema = buildSchema(`
  type Query { greeting(name: String!): String! }
  type Subscription { countdown(from: Int!): Int! }
`)
const roots = {
  query: { greeting: ({ name }: { name: string }) => `Hello ${name}` },
  subscription: {
    countdown: async function* ({ from }: { from: number }) {
      for (let left = from; left >= 0; left--) yield { countdown: left }
    },
  },
}
const server = createServer(async (request, response) => {
  const body = await text(request)
  const { query, variables } = JSON.parse(body || '{"query":"{__typename}"}') as { query: string; variables?: object }
  const result = await graphql({ schema, rootValue: roots.query, source: query, variableValues: variables })
  response.setHeader('content-type', 'application/json').end(JSON.stringify(result))
})
useServer({ schema, roots }, new WebSocketServer({ server, path: '/graphql' }))
server.listen(Number(process.env.PORT), '127.0.0.1')
