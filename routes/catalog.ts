import { defineUpstream } from 'gatehouse'

/** Products: its routes, schemas and scopes are those of its API document, and none of them is written down again. */
export default defineUpstream({
  name: 'catalog',
  description: 'Products, by category.',
  prefix: '/catalog',
  stripPrefix: true,
  targets: [process.env.CATALOG_URL ?? 'http://127.0.0.1:4004'],
  openapi: {
    document: 'catalog.yaml',
    // security scheme of the document: scheme of the gateway
    security: { accounts: { jwt: {} } },
    // operations for which the document asks for nothing
    unsecured: 'none',
  },
  auth: { jwt: {} },
  rateLimit: { max: 100, window: '1 minute' },
  // stores what the service allows: the categories, for a minute
  cache: true,
  // a response that breaks the document is logged and counted, and still sent
  responseValidation: 'report',
})
