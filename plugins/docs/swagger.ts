import { relative, resolve } from 'node:path'
import caching from '@fastify/caching'
import compress from '@fastify/compress'
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance, FastifyReply, RouteOptions } from 'fastify'
import fp from 'fastify-plugin'
import { checkAgainst } from '../../src/config/schema-check.ts'
import { ApiPortal, type PublishedDocument } from '../../src/contract/api-portal.ts'
import { docsPolicy, FAVICON, LOGO, STYLE } from '../../src/contract/docs-appearance.ts'
import { GatewayDocument, loadGatewayDocument } from '../../src/contract/gateway-document.ts'
import type { DocumentedRoute } from '../../src/contract/openapi-operation.ts'
import { documentChoice } from '../../src/contract/document-choice.ts'
import { BootProblems, gatehouseError } from '../../src/errors.ts'
import { validatePage } from '../../src/proxy/page-validator.ts'

/** OpenAPI 3.1 documents of every route and of each upstream, and Swagger UI to browse them. */
export default fp(async (app) => {
  const { docs, openapi, baseDir } = app.config
  const file = resolve(baseDir, openapi, 'gateway.yaml')
  const name = relative(baseDir, file)
  const about = await loadGatewayDocument(file, name, (document) => checkAgainst(GatewayDocument, document, name)).catch((error: unknown): GatewayDocument => {
    if (!(error instanceof BootProblems)) throw error
    // the routes are still to be looked at
    app.bootProblems.push(...error.problems)
    return { info: { title: '', version: '' } }
  })
  const portal = new ApiPortal({
    about,
    securitySchemes: () => securitySchemes(app),
    hideScopes: docs ? docs.hideScopes : [],
    omitted: (operations, { config }) => { app.log.warn({ operations, hosts: config.hosts }, 'the document has these operations for another host or condition already; they are left out') },
  })
  app.decorate('portal', portal)
  app.addHook('onRoute', function (route) {
    // a HEAD that comes with a GET is no operation of its own
    if (route.method !== 'HEAD' || route.config?.api) portal.add(() => ({ method: route.method, url: route.url, schema: route.schema, config: route.config ?? {} }) as DocumentedRoute, () => this.getSchemas())
  })
  await app.register(swagger, {
    openapi: { openapi: '3.1.0', info: about.info },
    // its own conversion loses references within schemas, tuples and constants
    transform: ({ url }: { url: string }) => ({ schema: { hide: true }, url }),
    transformObject: () => portal.whole.value,
  } as object)
  if (!docs) return
  const authenticate = app.authenticator(docs.auth ?? 'none')
  await app.register(async (scope) => {
    // every route below, static files included
    if (authenticate) scope.addHook('onRequest', authenticate)
    await scope.register(compress, { customTypes: /^text\/(?!event-stream)|[+/](?:javascript|json|xml|yaml)(?:;|$)/ })
    scope.addHook('onSend', validatePage)
    // what is there may change with each deployment
    await scope.register(caching, { privacy: authenticate ? 'private, no-cache' : caching.privacy.NOCACHE })
    scope.addHook('onRoute', (route: RouteOptions) => {
      if (route.method === 'GET') route.method = ['GET', 'HEAD']
      // the documents are at hand as text
      if (route.url === `${docs.path}/json`) route.handler = (_, reply) => send(reply, portal.whole, 'json')
      if (route.url === `${docs.path}/yaml`) route.handler = (_, reply) => send(reply, portal.whole, 'yaml')
    })
    scope.get<{ Params: { name: string, form: 'json' | 'yaml' } }>(`${docs.path}/upstreams/:name.:form(^(?:json|yaml)$)`, { schema: { hide: true } }, ({ params: { name, form } }, reply) => {
      const document = portal.upstream(name)
      if (!document) throw gatehouseError('GW_NOT_FOUND')
      return send(reply, document, form)
    })
    const choice = `${docs.path}/static/documents.json`
    scope.get(choice, { schema: { hide: true } }, () => documentChoice(docs.path, about.info.title, portal.upstreams))
    await scope.register(swaggerUi, {
      routePrefix: docs.path,
      staticCSP: docsPolicy(about.servers),
      logo: { type: 'image/svg+xml', content: Buffer.from(LOGO), href: docs.path, target: '_self' },
      theme: {
        title: about.info.title,
        css: [{ filename: 'gatehouse.css', content: STYLE }],
        favicon: [{ filename: 'favicon.svg', rel: 'icon', type: 'image/svg+xml', sizes: 'any', content: FAVICON }],
      },
      uiConfig: { configUrl: choice, validatorUrl: null, deepLinking: true, tryItOutEnabled: true, displayRequestDuration: true, docExpansion: 'list', persistAuthorization: true } as object,
    })
  })
}, { name: 'swagger', dependencies: ['authenticate'] })

async function send (reply: FastifyReply, document: PublishedDocument, form: 'json' | 'yaml'): Promise<string> {
  // RFC 9512
  reply.header('etag', `W/"${form}-${document.digest}"`).type(form === 'json' ? 'application/json; charset=utf-8' : 'application/yaml; charset=utf-8')
  return document[form]
}

/** The schemes that are configured and that OpenAPI has a word for. */
function securitySchemes (app: FastifyInstance): Record<string, object> {
  return Object.fromEntries([...app.authSchemes.values()].flatMap(({ name, security }) => security ? [[name, security]] : []))
}
