import { createServer } from 'node:http'
import { type Address, HttpError, jsonListener, listen, readJson, runAlone, sendJson, type Service } from './service.ts'

const STATUSES = ['open', 'paid', 'shipped', 'cancelled']

interface Order {
  id: number
  customer: string
  item: string
  quantity: number
  status: string
  createdAt: string
}

const seed = (): Order[] => [
  {
    id: 1,
    customer: 'Ada Lovelace',
    item: 'Punched cards, box of 500',
    quantity: 2,
    status: 'shipped',
    createdAt: '2026-01-12T09:30:00.000Z',
  },
  {
    id: 2,
    customer: 'Grace Hopper',
    item: 'Nanosecond of wire',
    quantity: 25,
    status: 'paid',
    createdAt: '2026-02-03T14:05:00.000Z',
  },
  {
    id: 3,
    customer: 'Alan Turing',
    item: 'Tape, endless',
    quantity: 1,
    status: 'open',
    createdAt: '2026-02-20T11:45:00.000Z',
  },
]

/** An order book: create, read, update, delete and list, kept in memory. */
export async function start(address: Address = {}): Promise<Service> {
  const orders = new Map(seed().map((order) => [order.id, order]))
  let lastId = orders.size

  const find = (id: number): Order => {
    const order = orders.get(id)
    if (!order) throw new HttpError(404, `there is no order ${id}`)
    return order
  }

  const server = createServer(
    jsonListener(async (request, response, url) => {
      const method = request.method === 'HEAD' ? 'GET' : request.method!
      if (url.pathname === '/orders') {
        switch (method) {
          case 'GET':
            return sendJson(response, 200, list([...orders.values()], url.searchParams))
          case 'POST': {
            const fields = check(await readJson(request), ['customer', 'item', 'quantity'])
            const order = { id: ++lastId, status: 'open', ...fields, createdAt: new Date().toISOString() } as Order
            orders.set(order.id, order)
            // an absolute address of this service: the gateway must not show it
            return sendJson(response, 201, order, { location: `http://${request.headers.host}/orders/${order.id}` })
          }
          default:
            throw notAllowed(method)
        }
      }
      const [, id] = /^\/orders\/(\d{1,15})$/.exec(url.pathname) ?? []
      if (id === undefined) throw new HttpError(404, 'there is nothing at this path')
      const order = find(Number(id))
      switch (method) {
        case 'GET':
          return sendJson(response, 200, order)
        case 'PATCH':
          return sendJson(response, 200, Object.assign(order, check(await readJson(request), [])))
        case 'DELETE': {
          orders.delete(order.id)
          response.writeHead(204).end()
          return
        }
        default:
          throw notAllowed(method)
      }
    }),
  )
  return listen(server, address)
}

function list(orders: Order[], query: URLSearchParams): { total: number; orders: Order[] } {
  const status = query.get('status')
  const found = status === null ? orders : orders.filter((order) => order.status === status)
  const limit = Number(query.get('limit') ?? 20)
  if (!Number.isInteger(limit) || limit < 1) throw new HttpError(422, 'limit is not a positive whole number')
  return { total: found.length, orders: found.slice(0, limit) }
}

/** The service has checks of its own: it must not rely on who stands in front of it. */
function check(body: Record<string, unknown>, required: string[]): Partial<Order> {
  for (const name of required) if (body[name] === undefined) throw new HttpError(422, `${name} is missing`)
  const { customer, item, quantity, status } = body
  for (const [name, text] of Object.entries({ customer, item })) {
    if (text !== undefined && (typeof text !== 'string' || text === '')) {
      throw new HttpError(422, `${name} is not a text`)
    }
  }
  if (quantity !== undefined && (!Number.isInteger(quantity) || (quantity as number) < 1)) {
    throw new HttpError(422, 'quantity is not a positive whole number')
  }
  if (status !== undefined && !STATUSES.includes(status as string)) {
    throw new HttpError(422, `status is none of ${STATUSES.join(', ')}`)
  }
  const fields = Object.entries({ customer, item, quantity, status }).filter(([, value]) => value !== undefined)
  return Object.fromEntries(fields)
}

const notAllowed = (method: string) => new HttpError(405, `${method} is not possible here`)

if (import.meta.main) await runAlone('orders', start, 4001)
