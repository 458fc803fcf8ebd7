const RESOURCES = 100

const reference = (name: string): object => ({ $ref: `#/components/schemas/${name}` })
const json = (schema: object): object => ({ content: { 'application/json': { schema } } })
const answers = (schema: object): object => ({
  200: { description: 'as asked', ...json(schema) },
  default: { description: 'what went wrong', ...json(reference('Fault')) },
})
const ID = { name: 'id', in: 'path', required: true, schema: { type: 'integer', minimum: 1 } }
const SEARCH = [
  { name: 'limit', in: 'query', schema: { type: 'integer', minimum: 1, maximum: 100 } },
  { name: 'status', in: 'query', schema: { type: 'string', enum: ['open', 'shipped', 'closed'] } },
]

/** Schemas of one resource: they refer to each other, and to those that all have in common. */
function schemasOf(name: string): Record<string, object> {
  return {
    [name]: {
      allOf: [
        reference(`New${name}`),
        {
          type: 'object',
          required: ['id'],
          properties: { id: { type: 'integer', readOnly: true }, parent: reference(name) },
        },
      ],
    },
    [`New${name}`]: {
      type: 'object',
      required: ['reference', 'customer', 'items'],
      additionalProperties: true,
      properties: {
        reference: { type: 'string', pattern: '^[A-Z]{2}-\\d{6}$' },
        placed: { type: 'string', format: 'date-time' },
        customer: reference('Customer'),
        items: { type: 'array', minItems: 1, maxItems: 100, items: reference(`${name}Item`) },
        note: { type: ['string', 'null'], maxLength: 500 },
      },
    },
    [`${name}Item`]: {
      type: 'object',
      required: ['sku', 'quantity'],
      properties: {
        sku: { type: 'string', minLength: 1, maxLength: 40 },
        quantity: { type: 'integer', minimum: 1 },
        price: { type: 'number', minimum: 0 },
        kind: { type: 'string', enum: ['goods', 'service'] },
      },
    },
  }
}

function pathsOf(path: string, name: string): Record<string, object> {
  const body = { requestBody: { required: true, ...json(reference(`New${name}`)) } }
  return {
    [path]: {
      get: {
        operationId: `list${name}`,
        parameters: SEARCH,
        responses: answers({ type: 'array', items: reference(name) }),
      },
      post: { operationId: `add${name}`, ...body, responses: answers(reference(name)) },
    },
    [`${path}/{id}`]: {
      parameters: [ID],
      get: { operationId: `get${name}`, parameters: SEARCH, responses: answers(reference(name)) },
      put: { operationId: `replace${name}`, ...body, responses: answers(reference(name)) },
      patch: { operationId: `change${name}`, ...body, responses: answers(reference(name)) },
      delete: { operationId: `remove${name}`, responses: answers({ type: 'object' }) },
    },
  }
}

/** An API document of 600 operations on 100 resources: `/resource-00` to `/resource-99`. */
export function largeDocument(): object {
  const names = Array.from({ length: RESOURCES }, (_, i) => String(i).padStart(2, '0'))
  return {
    openapi: '3.1.0',
    info: { title: 'Large', version: '1.0.0' },
    paths: Object.assign({}, ...names.map((number) => pathsOf(`/resource-${number}`, `Resource${number}`))),
    components: {
      schemas: Object.assign(
        {
          Fault: {
            type: 'object',
            required: ['title'],
            properties: { title: { type: 'string' }, status: { type: 'integer' } },
          },
          Customer: {
            type: 'object',
            required: ['name', 'email'],
            properties: {
              name: { type: 'string', minLength: 1 },
              email: { type: 'string', format: 'email' },
              city: { type: 'string' },
            },
          },
        },
        ...names.map((number) => schemasOf(`Resource${number}`)),
      ),
    },
  }
}

/** A body that the document takes: 378 bytes of JSON. */
export const NEW_RESOURCE: string = JSON.stringify({
  reference: 'AB-123456',
  placed: '2026-11-30T01:15:00Z',
  customer: { name: 'Ada Lovelace', email: 'ada@example.com', city: 'London' },
  items: [
    { sku: 'B-1', quantity: 2, price: 1250, kind: 'goods' },
    { sku: 'C-7', quantity: 1, price: 8.5, kind: 'goods' },
    { sku: 'S-12', quantity: 3, price: 90, kind: 'service' },
  ],
  note: 'Please leave it with the neighbours when nobody is at home.',
})
