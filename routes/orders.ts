import { defineUpstream, Type } from 'gatehouse'

const Status = Type.Enum(['open', 'paid', 'shipped', 'cancelled'])

const fields = {
  customer: Type.String({ minLength: 1, maxLength: 200, examples: ['Katherine Johnson'] }),
  item: Type.String({ minLength: 1, maxLength: 200, examples: ['Slide rule'] }),
  quantity: Type.Integer({ minimum: 1, maximum: 10_000, examples: [3] }),
}
const NewOrder = Type.Object(fields, { additionalProperties: false })
const OrderChange = Type.Partial(Type.Object({ ...fields, status: Status }), {
  additionalProperties: false,
  minProperties: 1,
})
const Order = Type.Object({
  id: Type.Integer(),
  ...fields,
  status: Status,
  createdAt: Type.String({ format: 'date-time' }),
})
const OrderId = Type.Object({ id: Type.Integer({ minimum: 1, description: 'Number of the order.' }) })

/** An order book: reading takes one scope, changing another. */
export default defineUpstream({
  name: 'orders',
  description: 'Orders of customers: create, read, update, delete.',
  prefix: '/orders',
  targets: [process.env.ORDERS_URL ?? 'http://127.0.0.1:4001'],
  auth: { jwt: { scopes: ['orders:read'] } },
  rateLimit: { max: 100, window: '1 minute' },
  routes: [
    {
      method: 'GET',
      url: '/',
      schema: {
        summary: 'List orders',
        operationId: 'listOrders',
        querystring: Type.Object(
          {
            status: Type.Optional(Status),
            limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, description: 'How many at most.' })),
          },
          { additionalProperties: false },
        ),
        response: {
          200: Type.Object(
            { total: Type.Integer(), orders: Type.Array(Order) },
            { description: 'The orders, oldest first.' },
          ),
        },
      },
    },
    {
      method: 'POST',
      url: '/',
      auth: { jwt: { scopes: ['orders:write'] } },
      bodyLimit: '16KiB',
      schema: {
        summary: 'Create an order',
        operationId: 'createOrder',
        body: NewOrder,
        response: { 201: Order },
      },
    },
    {
      method: 'GET',
      url: '/:id',
      // a response that breaks its schema is logged and counted, and still sent
      responseValidation: 'report',
      schema: {
        summary: 'Read an order',
        operationId: 'readOrder',
        params: OrderId,
        response: { 200: Order },
      },
    },
    {
      method: 'PATCH',
      url: '/:id',
      auth: { jwt: { scopes: ['orders:write'] } },
      schema: {
        summary: 'Change an order',
        operationId: 'changeOrder',
        params: OrderId,
        body: OrderChange,
        response: { 200: Order },
      },
    },
    {
      method: 'DELETE',
      url: '/:id',
      auth: { jwt: { scopes: ['orders:write'] } },
      schema: {
        summary: 'Delete an order',
        operationId: 'deleteOrder',
        params: OrderId,
        response: { 204: Type.Null({ description: 'The order is gone.' }) },
      },
    },
  ],
})
