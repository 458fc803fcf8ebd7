import type { SchemaObject } from '../../src/schema/json-schema.ts'

/** A small API, in OpenAPI 3.1, that the changes below are made to. */
export const shop = (): SchemaObject => ({
  openapi: '3.1.0',
  info: { title: 'Shop', version: '1.0.0' },
  paths: {
    '/orders': {
      get: {
        operationId: 'listOrders',
        parameters: [
          { name: 'status', in: 'query', schema: { type: 'string', enum: ['open', 'paid'] } },
          { name: 'limit', in: 'query', schema: { type: 'integer', minimum: 1, maximum: 100 } },
        ],
        responses: {
          200: {
            description: 'The orders.',
            headers: { 'X-Total': { required: true, schema: { type: 'integer' } } },
            content: {
              'application/json': { schema: { type: 'array', items: { $ref: '#/components/schemas/Order' } } },
            },
          },
          default: {
            description: 'Failed.',
            content: { 'application/json': { schema: { $ref: '#/components/schemas/Failure' } } },
          },
        },
      },
      post: {
        operationId: 'createOrder',
        security: [{ key: [] }],
        requestBody: {
          required: true,
          content: {
            'application/json': { schema: { $ref: '#/components/schemas/NewOrder' } },
            'application/xml': { schema: { $ref: '#/components/schemas/NewOrder' } },
          },
        },
        responses: {
          201: {
            description: 'Made.',
            content: { 'application/json': { schema: { $ref: '#/components/schemas/Order' } } },
          },
          202: { description: 'Will be made.' },
        },
      },
    },
    '/orders/{id}': {
      get: {
        operationId: 'readOrder',
        parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }],
        responses: {
          200: {
            description: 'The order.',
            content: {
              'application/json': { schema: { $ref: '#/components/schemas/Order' } },
              'text/csv': { schema: { type: 'string' } },
            },
          },
          404: { description: 'There is none.' },
        },
      },
    },
  },
  components: {
    securitySchemes: {
      key: { type: 'apiKey', in: 'header', name: 'X-Key' },
      token: { type: 'http', scheme: 'bearer' },
    },
    schemas: {
      Order: {
        type: 'object',
        required: ['id', 'item'],
        properties: {
          id: { type: 'string', readOnly: true },
          item: { type: 'string', maxLength: 50 },
          note: { type: 'string' },
          status: { type: 'string', enum: ['open', 'paid'] },
          parent: { $ref: '#/components/schemas/Order' },
          payment: { oneOf: [{ $ref: '#/components/schemas/Card' }, { $ref: '#/components/schemas/Transfer' }] },
        },
      },
      NewOrder: {
        type: 'object',
        required: ['item'],
        properties: {
          item: { type: 'string', maxLength: 50 },
          note: { type: ['string', 'null'] },
          size: { type: 'string', enum: ['s', 'm', 'l'] },
          count: { type: 'number' },
          payment: { oneOf: [{ $ref: '#/components/schemas/Card' }, { $ref: '#/components/schemas/Transfer' }] },
        },
      },
      Card: { type: 'object', required: ['number'], properties: { number: { type: 'string' } } },
      Transfer: { type: 'object', required: ['iban'], properties: { iban: { type: 'string' } } },
      Cash: { type: 'object', required: ['till'], properties: { till: { type: 'integer' } } },
      Failure: { type: 'object', properties: { message: { type: 'string' } } },
    },
  },
})

/** A change, what it is, and whether clients of the API before it break. */
export interface ApiChange {
  name: string
  breaks: boolean
  /** Part of what is said of it. */
  says?: RegExp
  change: (api: any) => void
}

const breaking = (name: string, says: RegExp, change: (api: any) => void): ApiChange => ({
  name,
  breaks: true,
  says,
  change,
})
const harmless = (name: string, change: (api: any) => void): ApiChange => ({ name, breaks: false, change })
const schemas = (api: any): any => api.components.schemas
const list = (api: any): any => api.paths['/orders'].get
const create = (api: any): any => api.paths['/orders'].post
const read = (api: any): any => api.paths['/orders/{id}'].get

export const API_CHANGES: readonly ApiChange[] = [
  breaking('a removed operation', /^the operation is removed/, (api) => {
    delete api.paths['/orders'].post
  }),
  breaking('a removed path', /^the operation is removed/, (api) => {
    delete api.paths['/orders/{id}']
  }),
  breaking('a removed response', /^response 201 is removed/, (api) => {
    delete create(api).responses[201]
  }),
  breaking('a media type removed from a response', /text\/csv/, (api) => {
    delete read(api).responses[200].content['text/csv']
  }),
  breaking('a media type removed from a request', /application\/xml/, (api) => {
    delete create(api).requestBody.content['application/xml']
  }),
  breaking('a new required parameter', /query parameter "tenant"/, (api) => {
    list(api).parameters.push({ name: 'tenant', in: 'query', required: true, schema: { type: 'string' } })
  }),
  breaking('a parameter that becomes required', /query parameter "limit"/, (api) => {
    list(api).parameters[1].required = true
  }),
  breaking('a parameter with a lower maximum', /maximum is 50, was 100/, (api) => {
    list(api).parameters[1].schema.maximum = 50
  }),
  breaking('a parameter written in another way', /explode/, (api) => {
    api.before(list(api).parameters[0], 'schema', { type: 'array', items: { type: 'string' } })
    Object.assign(list(api).parameters[0], { schema: { type: 'array', items: { type: 'string' } }, explode: false })
  }),
  breaking('a narrowed enum in a parameter', /"paid"/, (api) => {
    list(api).parameters[0].schema.enum = ['open']
  }),
  breaking('a narrowed enum in a request', /"l"/, (api) => {
    schemas(api).NewOrder.properties.size.enum = ['s', 'm']
  }),
  breaking('a new enum in a request', /enum/, (api) => {
    schemas(api).NewOrder.properties.item.enum = ['tea']
  }),
  breaking('a widened enum in a response', /"shipped"/, (api) => {
    schemas(api).Order.properties.status.enum.push('shipped')
  }),
  breaking('an enum taken from a response', /enum/, (api) => {
    delete schemas(api).Order.properties.status.enum
  }),
  breaking('a type change in a request', /type/, (api) => {
    schemas(api).NewOrder.properties.item = { type: 'integer' }
  }),
  breaking('a type change in a response', /type/, (api) => {
    schemas(api).Order.properties.note = { type: 'boolean' }
  }),
  breaking('number that becomes integer in a request', /type/, (api) => {
    schemas(api).NewOrder.properties.count.type = 'integer'
  }),
  breaking('null no longer taken in a request', /null/, (api) => {
    schemas(api).NewOrder.properties.note.type = 'string'
  }),
  breaking('null that may come in a response', /null/, (api) => {
    schemas(api).Order.properties.note.type = ['string', 'null']
  }),
  breaking('a new required property in a request', /"tenant" is required/, (api) => {
    schemas(api).NewOrder.properties.tenant = { type: 'string' }
    schemas(api).NewOrder.required.push('tenant')
  }),
  breaking('a property that becomes required in a request', /"size" is required/, (api) => {
    schemas(api).NewOrder.required.push('size')
  }),
  breaking('a property that may be missing from a response', /"item"/, (api) => {
    schemas(api).Order.required = ['id']
  }),
  breaking('a required property removed from a response', /"item" is removed/, (api) => {
    delete schemas(api).Order.properties.item
    schemas(api).Order.required = ['id']
  }),
  breaking('an optional property removed from a response', /"note" is removed/, (api) => {
    delete schemas(api).Order.properties.note
  }),
  breaking('a property no longer allowed in a request', /"note"/, (api) => {
    delete schemas(api).NewOrder.properties.note
    schemas(api).NewOrder.additionalProperties = false
  }),
  breaking('a request closed to further properties', /further properties/, (api) => {
    schemas(api).NewOrder.additionalProperties = false
  }),
  breaking('a shorter text in a request', /maxLength is 20, was 50/, (api) => {
    schemas(api).NewOrder.properties.item.maxLength = 20
  }),
  breaking('a longer text in a response', /maxLength/, (api) => {
    schemas(api).Order.properties.item.maxLength = 80
  }),
  breaking('a new pattern in a request', /pattern/, (api) => {
    schemas(api).NewOrder.properties.item.pattern = '^a'
  }),
  breaking('an alternative removed from a request', /alternative/, (api) => {
    schemas(api).NewOrder.properties.payment.oneOf.pop()
  }),
  breaking('an alternative added to a response', /alternative/, (api) => {
    schemas(api).Order.properties.payment.oneOf.push({ $ref: '#/components/schemas/Cash' })
  }),
  breaking('a property removed by an allOf that is not there any more', /"extra" is removed/, (api) => {
    api.before(schemas(api).Order, 'allOf', [{ properties: { extra: { type: 'string' } } }])
  }),
  breaking('security where there was none', /credentials/, (api) => {
    list(api).security = [{ key: [] }]
  }),
  breaking('security for the whole document', /credentials/, (api) => {
    api.security = [{ token: [] }]
  }),
  breaking('another kind of security', /credentials/, (api) => {
    create(api).security = [{ token: [] }]
  }),
  breaking('the same name for another kind of security', /credentials/, (api) => {
    api.components.securitySchemes.key = { type: 'apiKey', in: 'query', name: 'key' }
  }),
  breaking('a further scope', /credentials/, (api) => {
    create(api).security = [{ key: ['orders:write'] }]
  }),
  breaking('a required header removed from a response', /X-Total/i, (api) => {
    delete list(api).responses[200].headers
  }),
  breaking('a header of a response with another type', /X-Total/i, (api) => {
    list(api).responses[200].headers['X-Total'].schema.type = 'string'
  }),
  breaking('a body that becomes required', /body/, (api) => {
    api.before(create(api).requestBody, 'required', false)
  }),
  breaking('another form of a path parameter', /path parameter/, (api) => {
    read(api).parameters[0].schema = { type: 'integer' }
  }),

  harmless('nothing', () => {}),
  harmless('another name of a path parameter', (api) => {
    read(api).parameters[0].name = 'orderId'
    api.paths['/orders/{orderId}'] = api.paths['/orders/{id}']
    delete api.paths['/orders/{id}']
  }),
  harmless('a new operation', (api) => {
    api.paths['/orders'].delete = { responses: { 204: { description: 'Gone.' } } }
  }),
  harmless('a new optional parameter', (api) => {
    list(api).parameters.push({ name: 'sort', in: 'query', schema: { type: 'string' } })
  }),
  harmless('a new optional property in a request', (api) => {
    schemas(api).NewOrder.properties.gift = { type: 'boolean' }
  }),
  harmless('a new property in a response', (api) => {
    schemas(api).Order.properties.gift = { type: 'boolean' }
    schemas(api).Order.required.push('gift')
  }),
  harmless('a widened enum in a request', (api) => {
    schemas(api).NewOrder.properties.size.enum.push('xl')
  }),
  harmless('a narrowed enum in a response', (api) => {
    schemas(api).Order.properties.status.enum = ['open']
  }),
  harmless('a property that becomes optional in a request', (api) => {
    schemas(api).NewOrder.required = []
  }),
  harmless('a property that is always there in a response', (api) => {
    schemas(api).Order.required.push('note')
  }),
  harmless('integer that becomes number in a request, wider text', (api) => {
    list(api).parameters[1].schema.type = 'number'
    schemas(api).NewOrder.properties.item.maxLength = 500
  }),
  harmless('a response that may no longer be null', (api) => {
    api.before(schemas(api).Order.properties.note, 'type', ['string', 'null'])
  }),
  harmless('an alternative added to a request', (api) => {
    schemas(api).NewOrder.properties.payment.oneOf.push({ $ref: '#/components/schemas/Cash' })
  }),
  harmless('an alternative removed from a response', (api) => {
    schemas(api).Order.properties.payment.oneOf.pop()
  }),
  harmless('alternatives in another order', (api) => {
    schemas(api).NewOrder.properties.payment.oneOf.reverse()
  }),
  harmless('a new response and media type', (api) => {
    read(api).responses[410] = { description: 'Gone.' }
    read(api).responses[200].content['application/xml'] = {}
    create(api).requestBody.content['text/csv'] = {}
  }),
  harmless('less security', (api) => {
    create(api).security = [{ key: [] }, { token: [] }]
  }),
  harmless('another name of the security', (api) => {
    api.components.securitySchemes.apiKey = api.components.securitySchemes.key
    create(api).security = [{ apiKey: [] }]
  }),
  harmless('a schema written in place', (api) => {
    schemas(api).NewOrder.properties.payment.oneOf[0] = structuredClone(schemas(api).Card)
  }),
  harmless('a schema in parts', (api) => {
    const { required, ...rest } = schemas(api).Order
    schemas(api).Order = { allOf: [rest, { required }] }
  }),
  harmless('null written in another way', (api) => {
    schemas(api).NewOrder.properties.note = { anyOf: [{ type: 'null' }, { type: 'string' }] }
  }),
  harmless('words', (api) => {
    api.info.title = 'Store'
    list(api).description = 'All orders.'
    schemas(api).Order.properties.note.description = 'A note.'
    schemas(api).Order.properties.note.examples = ['a']
    list(api).deprecated = true
  }),
  harmless('a read-only property that becomes required', (api) => {
    schemas(api).NewOrder.properties.id = { type: 'string', readOnly: true }
    schemas(api).NewOrder.required.push('id')
  }),
]

/** The API before and after a change. */
export function changed({ change }: ApiChange): { before: SchemaObject; after: SchemaObject } {
  const before = shop()
  const after = shop()
  // some changes are told from the other side: what was there before
  const places: [object: any, key: string, value: unknown][] = []
  Object.defineProperty(after, 'before', {
    configurable: true,
    value: (object: any, key: string, value: unknown) => places.push([object, key, value]),
  })
  change(after)
  delete after.before
  for (const [object, key, value] of places) twin(after, before, object)[key] = value
  return { before, after }
}

/** The object of another tree at the place of one. */
function twin(tree: any, other: any, wanted: object): any {
  if (tree === wanted) return other
  for (const key of Object.keys(tree)) {
    const found =
      typeof tree[key] === 'object' && tree[key] !== null && typeof other?.[key] === 'object'
        ? twin(tree[key], other[key], wanted)
        : undefined
    if (found !== undefined) return found
  }
  return undefined
}
