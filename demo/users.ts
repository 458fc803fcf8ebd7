import { createServer, type IncomingHttpHeaders } from 'node:http'
import { type Address, HttpError, jsonListener, listen, runAlone, sendJson, type Service } from './service.ts'

const USERS = [
  { id: 1, name: 'Ada Lovelace', email: 'ada@example.com', team: 'engines' },
  { id: 2, name: 'Grace Hopper', email: 'grace@example.com', team: 'compilers' },
  { id: 3, name: 'Alan Turing', email: 'alan@example.com', team: 'machines' },
  { id: 4, name: 'Katherine Johnson', email: 'katherine@example.com', team: 'orbits' },
  { id: 5, name: 'Edsger Dijkstra', email: 'edsger@example.com', team: 'paths' },
  { id: 6, name: 'Barbara Liskov', email: 'barbara@example.com', team: 'types' },
]

/**
 * A directory of people, which also tells callers who the gateway says they are.
 * @param version  what it says of itself in `X-Version`, so that a canary can be told from the rest
 */
export async function start(address: Address = {}, version = process.env.VERSION ?? 'v1'): Promise<Service> {
  const server = createServer(
    jsonListener((request, response, url) => {
      response.setHeader('x-version', version)
      if (request.method !== 'GET' && request.method !== 'HEAD') {
        throw new HttpError(405, `${request.method} is not possible here`)
      }
      if (url.pathname === '/users') return sendJson(response, 200, { users: list(url.searchParams.get('team')) })
      if (url.pathname === '/users/me') return sendJson(response, 200, identity(request.headers))
      const [, id] = /^\/users\/(\d+)$/.exec(url.pathname) ?? []
      const user = USERS.find((candidate) => String(candidate.id) === id)
      if (!user) throw new HttpError(404, id === undefined ? 'there is nothing at this path' : `there is no user ${id}`)
      sendJson(response, 200, user)
    }),
  )
  return listen(server, address)
}

const list = (team: string | null) => (team === null ? USERS : USERS.filter((user) => user.team === team))

/**
 * The service trusts these headers, since nobody but the gateway can reach it and the gateway removes a client's own.
 */
function identity(headers: IncomingHttpHeaders): { consumer: string | null; scopes: string[] } {
  const scopes = String(headers['x-consumer-scopes'] ?? '')
  return {
    consumer: (headers['x-consumer-id'] as string | undefined) ?? null,
    scopes: scopes.split(' ').filter((scope) => scope !== ''),
  }
}

if (import.meta.main) await runAlone('users', start, 4002)
